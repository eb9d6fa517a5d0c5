"""Proof that a network lies in a space: the choices of the space that make it.

`demands` finds choices; the network that they make is then lowered and compared with the given one, so a wrong proof is
never given. What does not fit is found by `reach` and explained by `departure`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label, UserError, VnsError
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Shape, show_value
from vnasdsl.network.demands import Demands
from vnasdsl.network.lower import lower
from vnasdsl.network.nodes import LayerNode, Part, Section, Values
from vnasdsl.network.reach import NOWHERE, Miss, Reach
from vnasdsl.network.reading import Conflict, GaveUpError, Number, Way, listed
from vnasdsl.space.decisions import Decision
from vnasdsl.space.elements import BodyLayer, DeferredCall, Element, Group, Join, LayerCall, Segment
from vnasdsl.space.shapes import LayerRules

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph

# ---------------------------------------- where a network leaves the space, as an error

MOST_NAMED = 8
"""Expected layers that are named; of more, the rest is counted."""
LONGEST = 72
"""Characters of a line that a message quotes."""


def other_stage(mine: Section | None, theirs: Segment | None, claim: tree.Name, net_name: str) -> VnsError:
    """The network has another stage than the space, or one too many or too few."""
    if mine is None:
        assert theirs is not None
        return outside(f"`{net_name}` has no stage `{theirs.name}` of space `{claim.id}`", claim.span, claim, None)
    span = mine.body.element.span.first(len(f"stage {mine.name}"))
    help = f"`{claim.id}` has no further stages" if theirs is None else f"expected stage `{theirs.name}` here"
    return outside(f"stage `{mine.name}` is not in space `{claim.id}`", span, claim, help)


def unread(network: NetworkGraph, claim: tree.Name) -> None:
    """Raises: VnsError for a layer with weights or costs that nothing reads: no choice makes one."""
    for node in network.layers:
        if node.label not in network.live and node.layer is not None and (node.params or node.macs):
            assert node.span is not None
            text = short(node.span)
            help = "remove it, or read it"
            raise outside(f"nothing reads `{text}` of `{network.name}`", node.span, claim, help, "not read")


def undecided(network: NetworkGraph, claim: tree.Name) -> VnsError:
    message = f"could not decide whether `{network.name}` lies in space `{claim.id}`"
    help = "there are too many ways to read it: use the blocks of the space where it does, and its names for the lines"
    return outside(message, claim.span, claim, help)


class Departure:
    """The first layer, in the order of the file, that the space does not have there."""

    def __init__(
        self,
        reach: Reach,
        conflicts: Sequence[Conflict],
        network: NetworkGraph,
        space: Sequence[Segment],
        claim: tree.Name,
    ):
        self.reach = reach
        self.conflicts = conflicts
        self.trace = reach.trace
        self.network = network
        self.space = space
        self.claim = claim
        self.parts: dict[str, tuple[Part, Group | None]] = {}
        """For each node its own part, and the outermost use of a block around it."""
        for section in network.sections:
            self._collect(section.body, None)

    def _collect(self, part: Part, use: Group | None) -> None:
        if part.node is not None:
            self.parts[part.node] = (part, use)
        if use is None and isinstance(part.element, Group) and part.element.block is not None:
            use = part.element
        for child in part.children:
            self._collect(child, use)

    def error(self) -> VnsError:
        first = min(self.reach.unmatched, default=len(self.reach.nodes))
        for section in self.network.sections:
            end = self.reach.number_of(section.body.value)
            if section.name and end is not None and end < first and end not in self.trace.ends[section.name]:
                return self.too_short(section)
        if first < len(self.reach.nodes):
            return self.layer(first)
        if self.trace.missed.get(self.reach.output, {}):
            return self.too_short(self.network.sections[-1])
        if self.conflicts:
            conflict = self.conflicts[0]
            block = conflict.choice.partition(".")[0]
            message = f"the uses of tied block `{block}` make different choices"
            help = f"`{conflict.choice}` is `{conflict.earlier}` at its first use and `{conflict.later}` here"
            return self.outside(message, self.reach.nodes[conflict.end], help)
        message = f"`{self.network.name}` is not in space `{self.claim.id}`: its layers are, but wired in another way"
        return outside(message, self.claim.span, self.claim, None)

    def layer(self, number: int) -> VnsError:
        node = self.reach.nodes[number]
        assert node.span is not None
        inputs = self.reach.inputs[number]
        part, use = self.parts.get(node.label, (None, None))
        message = f"`{short(node.span)}` is not in {self.where(node)}"
        tried = self.trace.joined.get(node.operation, ()) if node.layer is not None and node.layer.join else ()
        if any(set(values) & set(inputs) for values in tried):
            return self.outside(message, node, f"the space has `{node.operation}` here with other inputs")
        before = inputs[-1:] if node.layer is not None and node.layer.wraps else inputs
        misses = [miss for source in before for miss in self.trace.missed.get(source, {})]
        repeat = next((self.trace.crowded[source] for source in before if source in self.trace.crowded), None)
        if repeat is not None and self.reach.goes_on(repeat.items[-1], before[0], number):
            copies = f"{len(repeat.items)} cop{'y' if len(repeat.items) == 1 else 'ies'}"
            return self.outside(message, node, f"the space has at most {copies} of `{short(repeat.items[-1].span)}`")
        candidates = [_candidate(miss, use) for miss in misses]
        inner: tuple[Label, ...] = ()
        if part is not None and use is not None and not any(isinstance(c, Group) for c in candidates):
            inner = (Label(part.element.span, f"this layer of `{use.block}`"),)
        argument = _argument(node, part, use, candidates)
        if argument is not None:
            return self.outside(message, node, argument, inner)
        expected = [f"`{text}`" for text in dict.fromkeys(map(_written, candidates))]
        if any(source in self.trace.ends.get(stage_of(node), NOWHERE) for source in before):
            expected.append("the end of the stage")
        return self.outside(message, node, one_of(expected), inner)

    def too_short(self, section: Section) -> VnsError:
        where = f"stage `{section.name}` of space `{self.claim.id}`" if section.name else f"space `{self.claim.id}`"
        value = self.reach.number_of(section.body.value)
        misses = {} if value is None else self.trace.missed.get(value, {})
        expected = [f"`{_written(_candidate(miss, None))}`" for miss in misses]
        items = section.body.items
        span = items[-1].element.span if items else section.body.element.span
        return outside(f"{where} goes on after this", span, self.claim, one_of(expected), "ends too early here")

    def where(self, node: LayerNode) -> str:
        stage = stage_of(node)
        if any(segment.name == stage for segment in self.space):
            return f"stage `{stage}` of space `{self.claim.id}`"
        return f"space `{self.claim.id}`"

    def outside(self, message: str, node: LayerNode, help: str | None, more: tuple[Label, ...] = ()) -> VnsError:
        assert node.span is not None
        return outside(message, node.span, self.claim, help, more=more)


def outside(
    message: str,
    span: Span,
    claim: tree.Name,
    help: str | None,
    label: str = "leaves the space here",
    more: tuple[Label, ...] = (),
) -> VnsError:
    if span == claim.span:
        return VnsError(Diagnostic("E0601", message, Label(span, "claimed here"), help=help))
    secondary = (*more, Label(claim.span, "claimed here"))
    return VnsError(Diagnostic("E0601", message, Label(span, label), secondary=secondary, help=help))


def one_of(expected: Sequence[str]) -> str | None:
    """A help that names what the space has there."""
    if not expected:
        return None
    return f"expected {_either(expected)}"


def _either(options: Sequence[str]) -> str:
    """`a`, `b` or `c`; of many options the first few."""
    if len(options) > MOST_NAMED:
        return f"{', '.join(options[: MOST_NAMED - 1])} or {len(options) - MOST_NAMED + 1} others"
    return f"{', '.join(options[:-1])}{' or ' if len(options) > 1 else ''}{options[-1]}"


def short(span: Span) -> str:
    """What is written there, in one line."""
    text = " ".join(span.text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def stage_of(node: LayerNode) -> str:
    return node.label.partition(".")[0]


def _candidate(miss: Miss, use: Group | None) -> Element:
    """What the space has there: a use of a block that begins there or that the network uses as well, else a layer."""
    if miss.use is None and miss.around is not None and use is not None and miss.around.block == use.block:
        return miss.around if miss.around.bound != use.bound else miss.element
    return miss.use or miss.element


def _written(element: Element) -> str:
    if isinstance(element, (LayerCall, DeferredCall)) or (isinstance(element, Group) and element.call is not None):
        return print_inline(element.call)  # type: ignore[arg-type]
    return element.layer.name if isinstance(element, (BodyLayer, Join)) else short(element.span)


def _argument(node: LayerNode, part: Part | None, use: Group | None, candidates: Iterable[Element]) -> str | None:
    """The one argument that differs from all that the space has there, with what it has; None where more differ."""
    found: dict[str, dict[str, None]] = {}
    mine: dict[str, Any] = {}
    for element in candidates:
        if isinstance(element, Group) and use is not None and element.block == use.block:
            mine, theirs = dict(use.bound), dict(element.bound)
        elif isinstance(element, LayerCall) and part is not None and isinstance(part.element, LayerCall):
            if element.layer is not part.element.layer:
                continue
            mine, theirs = dict(part.element.arguments), dict(element.arguments)
        else:
            continue
        differing = [name for name in mine if name in theirs and mine[name] != theirs[name]]
        if len(differing) == 1:
            found.setdefault(differing[0], {})[show_value(theirs[differing[0]])] = None
    if len(found) != 1:
        return None
    ((name, values),) = found.items()
    return f"`{name}` is `{show_value(mine[name])}`, the space has {_either([f'`{value}`' for value in values])}"


Inputs = Sequence[tuple[str, Shape]]
MOST_TRIED = 64
"""Ways to read the network that are made again and compared."""


def prove(
    network: NetworkGraph, space: Sequence[Segment], given: Inputs, rules: LayerRules, claim: tree.Name
) -> dict[str, str]:
    """The choices of a space that make this network, in the order of the file.

    `given`: the inputs of the space, with shapes (C, T, H, W); `claim`: where the network names its space.
    Raises: VnsError E0601 where the network leaves the space.
    """
    mine = [section for section in network.sections if section.name]
    theirs = [segment for segment in space if segment.name]
    for i in range(max(len(mine), len(theirs))):
        a, b = mine[i] if i < len(mine) else None, theirs[i] if i < len(theirs) else None
        if a is None or b is None or a.name != b.name:
            raise other_stage(a, b, claim, network.name)
    unread(network, claim)
    parts = [part for section in network.sections for part in section.body.walk()]
    groups = [(part, part.element) for part in parts if isinstance(part.element, Group)]
    uses = [group for _, group in groups if group.block is not None]
    called = [(name, part.lines[i][-1].value) for part, group in groups for i, name in enumerate(group.names) if name]
    names = [name for name, _ in given]
    reach = Reach(network, rules, uses)
    ends = {s.name: end for s in mine if (end := reach.number_of(s.body.value)) is not None}
    try:
        reach.space(space, names, ends)
    except GaveUpError:
        raise undecided(network, claim) from None
    if reach.unmatched:
        raise Departure(reach, (), network, space, claim).error()
    named = _named(network, called)

    def possible(name: str, _: int | None, number: Number) -> bool:
        return number in reach.trace.lines.get(name, ())

    def called_so(name: str, place: int | None, number: Number) -> bool:
        return possible(name, place, number) and number in named.get((name, place), (number,))

    for allowed in (called_so, possible):  # what is not there under its name may be there
        demands = Demands(network, rules, uses, allowed)
        found = _choices(demands, network, space, given, ends)
        if found is not None:
            return found
    if demands.cut:
        raise undecided(network, claim)
    raise Departure(reach, demands.conflicts, network, space, claim).error()


def _named(network: NetworkGraph, called: Sequence[tuple[str, Values]]) -> dict[tuple[str, int | None], set[Number]]:
    """What the network calls by the name of a line, or as a value of a list `n`: what it has at that place of its own
    list `n`, or calls `n_0`."""
    numbers = {node.label: number for number, node in enumerate(network.order)}
    named: dict[tuple[str, int | None], set[Number]] = {}
    for name, values in called:
        places: list[tuple[str, int | None, str]] = []
        if isinstance(values, tuple):
            places += ((name, i, label) for i, label in enumerate(values))
        else:
            places.append((name, None, values))
            base, _, number = name.rpartition("_")
            if number.isdecimal():
                places.append((base, int(number), values))
        for line, place, label in places:
            if label in numbers:
                named.setdefault((line, place), set()).add(numbers[label])
    return named


def _choices(
    demands: Demands, network: NetworkGraph, space: Sequence[Segment], given: Inputs, ends: Mapping[str, Number]
) -> dict[str, str] | None:
    try:
        ways = demands.space(space, [name for name, _ in given], ends)
    except GaveUpError:
        demands.cut = True
        return None
    for way in ways[:MOST_TRIED]:
        choices = _made_again(way, network, space, given, demands.rules)
        if choices is not None:
            return choices
    return None


def _made_again(
    way: Way, network: NetworkGraph, space: Sequence[Segment], given: Inputs, rules: LayerRules
) -> dict[str, str] | None:
    """The choices of a way, if they make this network. Those of lines that nothing reads take their first value."""
    tied = ((name, values) for name, values, _ in way.tied)
    chosen = {name: values[0] for name, values in (*listed(way.made, ""), *tied)}

    def decide(decision: Decision) -> str:
        value = chosen.get(decision.name)
        return value if value is not None and decision.allows(value) else decision.first

    try:
        graph = lower(space, given, rules, decide)
    except (VnsError, UserError):
        return None
    from vnasdsl.network.graph import matching

    return graph.choices if matching(network, graph) is not None else None
