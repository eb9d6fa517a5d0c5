"""Proof that a graph of layers lies in a space: what was read backwards is built again and compared.

`match` finds choices under which the space may give the network. The network that they make is then followed from its
input, and held against the given one node by node: only then it is a proof.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Span
from vnasdsl.layers.base import LayerError, Shape
from vnasdsl.network.departure import one_of, other_stage, outside
from vnasdsl.network.match import Matcher, uses_by_node
from vnasdsl.network.match_answers import Answer, listed, places
from vnasdsl.network.match_reader import GaveUpError
from vnasdsl.network.trace import Tracer
from vnasdsl.network.wiring import Wiring, is_skip, same_graph
from vnasdsl.space.elements import BodyLayer, DeferredCall, Element, Group, Join, LayerCall, NameRef, Segment, children

LONGEST = 72
"""Characters of a line that is named in a message."""
MOST_TRIED = 64
"""Answers that are built and compared."""


def prove_graph(
    network: tuple[Segment, ...],
    space: tuple[Segment, ...],
    shape: Shape,
    classes: int,
    claim: tree.Name,
    net_name: str,
) -> dict[str, str]:
    """The choices of the space that make the network. Raises: VnsError E0601 where the network leaves the space."""
    _same_stages(network, space, claim, net_name)
    tracer = Tracer(classes)
    output = tracer.segments(network, input_name(network), shape, claim.span)
    wiring = Wiring(tracer.nodes, output)
    _all_read(wiring, claim, net_name)
    name = input_name(space)
    tried: list[Matcher] = []
    answers: tuple[Answer, ...] = ()
    for matcher in _matchers(tracer, wiring, space, name, shape, claim):
        tried.append(matcher)
        try:
            answers = matcher.space(space, name, wiring.end)
        except GaveUpError:
            answers = ()
        for answer in answers[:MOST_TRIED]:
            made = _built(answer, wiring, space, name, shape, classes, claim)
            if made is not None:
                return made
    first, last = tried[0], tried[-1]
    if not answers and not last.cut and not last.undecided:
        raise _departure(last, wiring, space, claim, net_name)
    if (
        not first.cut and first.missed.keys() - first.matched
    ):  # more freedom does not make a layer fit that fits nowhere
        raise _departure(first, wiring, space, claim, net_name)
    raise _undecided(last, claim, net_name)


def _matchers(
    tracer: Tracer, wiring: Wiring, space: tuple[Segment, ...], name: str, shape: Shape, claim: tree.Name
) -> Iterator[Matcher]:
    """Ways to look, the narrow ones first: as the network is most likely written; with calls closed in every way; with
    the values of lists in every order."""
    every = Tracer(tracer.classes, every=True)
    every.segments(space, name, shape, claim.span)
    uses = uses_by_node(tracer, wiring)
    first = Matcher(wiring, tracer.classes, every.lists, uses)
    yield first
    if first.undecided:
        yield Matcher(wiring, tracer.classes, every.lists, uses, guessing=True)
    if first.took:
        yield Matcher(wiring, tracer.classes, every.lists, uses, guessing=bool(first.undecided), ordered=False)


def _built(
    answer: Answer,
    wiring: Wiring,
    space: tuple[Segment, ...],
    name: str,
    shape: Shape,
    classes: int,
    claim: tree.Name,
) -> dict[str, str] | None:
    """The choices of an answer in the order of the text, if they make this network; choices that only lead to what
    nothing reads are made somehow."""
    index = places(answer.made)
    chosen = {name: values[0] for name, values in (*listed(answer.made, ""), *answer.tied)}
    chosen = {n: re.sub(r"\[@(\d+)\]", lambda m: f"[{index.get(int(m[1]), m[1])}]", v) for n, v in chosen.items()}
    tracer = Tracer(classes, chosen)
    try:
        output = tracer.segments(space, name, shape, claim.span)
    except (LayerError, VnsError):
        return None
    return tracer.made if same_graph(wiring, Wiring(tracer.nodes, output)) else None


def input_name(segments: tuple[Segment, ...]) -> str:
    """The name by which lines read the input; empty when none does."""
    known = {name for segment in segments for name in segment.body.names if name}
    for segment in segments:
        for wire in _reads(segment.body, known, {}):
            return wire
    return ""


def _reads(element: Element, known: set[str], seen: dict[int, Element]) -> list[str]:
    """Names that are read and that no line around gives; blocks are not looked into."""
    if id(element) in seen:
        return []
    seen[id(element)] = element
    if isinstance(element, NameRef):
        return [] if element.wire.partition("[")[0] in known else [element.wire]
    inner: list[Element] = [child for child, _ in children(element, "")]
    if isinstance(element, Group):
        if element.block is not None:
            inner = [value for _, value in element.inputs]
        known = known | {name for name in element.names if name}
    return [wire for child in inner for wire in _reads(child, known, seen)]


# ------------------------------------------------------------------------ faults


def _same_stages(network: tuple[Segment, ...], space: tuple[Segment, ...], claim: tree.Name, net_name: str) -> None:
    mine, theirs = ([s for s in segments if s.name] for segments in (network, space))
    for i in range(max(len(mine), len(theirs))):
        a, b = (stages[i] if i < len(stages) else None for stages in (mine, theirs))
        if a is None or b is None or a.name != b.name:
            raise other_stage(a, b, claim, net_name)


def _all_read(wiring: Wiring, claim: tree.Name, net_name: str) -> None:
    """A layer that nothing reads is a part of the network that no choice of a space makes."""
    live = set(wiring.live)
    for number, node in enumerate(wiring.nodes):
        if number in live or node.layer is None or is_skip(node) or wiring.same_as[number] in live:
            continue
        if node.params or node.macs:
            text = short(node.site)
            help = "leave it out, or read it"
            raise outside(f"`{net_name}` has a layer that nothing reads: `{text}`", node.site, claim, help, "not read")


def _departure(
    matcher: Matcher, wiring: Wiring, space: tuple[Segment, ...], claim: tree.Name, net_name: str
) -> VnsError:
    """A layer that the space does not have there. It is read from its end, so what comes after this layer fits."""
    wrong = [number for number in matcher.missed if number not in matcher.matched]
    if not wrong and not matcher.stuck:
        return _other_wires(matcher, wiring, claim, net_name)
    number = max(wrong) if wrong else min(matcher.stuck)
    node = wiring.nodes[number]
    text = short(node.site)
    stage = node.label.partition(".")[0]
    in_stage = stage in {segment.name for segment in space if segment.name}
    where = f"stage `{stage}` of space `{claim.id}`" if in_stage else f"space `{claim.id}`"
    if wrong:
        help = one_of([f"`{text}`" for text in dict.fromkeys(expected(e) for e in matcher.missed[number])])
    else:
        help = "the space has this layer there, with other inputs"
    return outside(f"`{text}` leaves {where}", node.site, claim, help)


def short(site: Span) -> str:
    """What stands there, in one line."""
    text = " ".join(site.text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def expected(element: Element) -> str:
    """What could have stood there, as it is written."""
    if isinstance(element, (LayerCall, DeferredCall)) or (isinstance(element, Group) and element.call is not None):
        return print_inline(element.call)  # type: ignore[arg-type]
    return element.layer.name if isinstance(element, (BodyLayer, Join)) else element.label


def _other_wires(matcher: Matcher, wiring: Wiring, claim: tree.Name, net_name: str) -> VnsError:
    """Every layer has a place in the space, and yet one reads another line than it should."""
    message = f"`{net_name}` is not in space `{claim.id}`: its layers are, but wired in another way"
    for line, *ends in matcher.torn:
        readers = [n for end in ends for n in wiring.readers.get(end, [])]
        if readers:
            node = wiring.nodes[max(readers)]
            help = f"the space reads `{line}` where this network reads two different lines" if line else None
            return outside(message, node.site, claim, help, "read here")
    return outside(message, claim.span, claim, None)


def _undecided(matcher: Matcher, claim: tree.Name, net_name: str) -> VnsError:
    message = f"it could not be decided whether `{net_name}` lies in space `{claim.id}`"
    help = "too many ways to read it were left"
    if matcher.undecided:
        call = matcher.undecided[0].call.function
        help = f"use the block `{call}` of the space where the space does: its values are then known"
    return outside(message, claim.span, claim, help)
