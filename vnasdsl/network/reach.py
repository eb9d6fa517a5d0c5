"""What a space could have where: the space is read from its input on, and for each place all nodes of the network that
it could be are kept, whether or not they go together. What is found nowhere leaves the space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from vnasdsl.layers.base import LayerError
from vnasdsl.network.nodes import SINGLE
from vnasdsl.network.reading import ZERO, GaveUpError, Number, Reading
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Pick,
    Repeat,
    Segment,
    When,
)
from vnasdsl.space.parts import gives_list
from vnasdsl.space.reads import reads
from vnasdsl.space.shapes import LayerRules
from vnasdsl.space.values import side_of

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph

Numbers: TypeAlias = frozenset[Number]
Env: TypeAlias = Mapping[str, Numbers]
NOWHERE: Numbers = frozenset()


@dataclass(frozen=True)
class Miss:
    """What the space could have after a node, and the network does not."""

    element: Element
    use: Group | None
    """The outermost use of a block that begins there."""
    around: Group | None
    """The outermost use of a block around it."""


@dataclass
class Trace:
    """What the walk saw, for the error."""

    matched: set[Number] = field(default_factory=set)
    missed: dict[Number, dict[Miss, None]] = field(default_factory=dict)
    crowded: dict[Number, Repeat] = field(default_factory=dict)
    """Where all copies of a repeat have been read."""
    ends: dict[str, Numbers] = field(default_factory=dict)
    """Where each stage of the space could end."""
    joined: dict[str, set[Numbers]] = field(default_factory=dict)
    """What joins of the space could have as inputs, by the name of the layer."""
    lines: dict[str, set[Number]] = field(default_factory=dict)
    """What lines could be, by name."""


class Reach(Reading):
    """Reads the elements of a space against one network, from the input on."""

    def __init__(self, network: NetworkGraph, rules: LayerRules, uses: Sequence[Group]):
        super().__init__(network, rules, uses)
        self.trace = Trace()
        self._after: dict[Number, list[Number]] = {}
        self._joins: dict[str, list[Number]] = {}
        for number, node in enumerate(self.nodes):
            if node.layer is not None and node.layer.join is not None:
                self._joins.setdefault(node.layer.name, []).append(number)
            for source in self.inputs[number][-1:]:
                if node.layer is None or node.layer.join is None:
                    self._after.setdefault(source, []).append(number)
        self._known: dict[tuple[object, ...], tuple[Element, Numbers]] = {}
        self._sites: list[tuple[Number | None, Group]] = []

    @property
    def unmatched(self) -> list[Number]:
        """The nodes that fit nowhere in the space, in the order of the file."""
        return [n for n in range(len(self.nodes)) if n not in self.trace.matched and n not in self.given]

    def goes_on(self, element: Element, x: Number, number: Number) -> bool:
        """Whether an element, after `x`, would take this node that fits nowhere else."""
        trace, self.trace = self.trace, Trace()
        self._known.clear()
        try:
            self.read(element, x, {})
        except (GaveUpError, KeyError):
            return False
        finally:
            trace, self.trace = self.trace, trace
        return number in trace.matched

    def space(self, segments: Sequence[Segment], names: Sequence[str], ends: Mapping[str, Number]) -> None:
        """Read a whole space. `names`: of its inputs; `ends`: what the stages of the network give."""
        env = {
            name: frozenset(() if number is None else (number,)) for name, number in zip(names, self.given, strict=True)
        }
        self.trace.lines.update((name, set(numbers)) for name, numbers in env.items())
        xs = env[names[0]]
        for segment in segments:
            if not segment.name:
                xs = self._lines(segment.body, xs, env)
                continue
            xs = self._each(segment.body, xs, env)
            self.trace.ends[segment.name] = xs
            if segment.name in ends:
                xs &= {ends[segment.name]}

    def read(self, element: Element, x: Number | None, env: Env) -> Numbers:
        """The nodes that an element, after `x`, could be. Raises: GaveUpError."""
        self.step()
        names = reads(element)
        seen = {name: numbers for name, numbers in env.items() if name in names}
        key = (id(element), x, *seen.items())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = (element, self._read(element, x, seen))
        return known[1]

    def _each(self, element: Element, xs: Numbers, env: Env) -> Numbers:
        return NOWHERE.union(*(self.read(element, x, env) for x in sorted(xs) or (None,)))

    def _read(self, element: Element, x: Number | None, env: Env) -> Numbers:
        match element:
            case LayerCall():
                return self._layer(element, x)
            case NameRef():
                return env[element.wire]
            case Group():
                return self._group(element, x, env)
            case Repeat():
                return self._repeat(element, x, env)
            case BodyLayer():
                return self._body(element, x, env)
            case Join():
                return self._join(element, x, env)
            case Many():
                parts: Sequence[Element] = element.items
            case Pick() | LayerChoice():
                parts = [option.element for option in element.options]
            case DeferredCall():
                parts = [closed for _, closed in self.closings(element)]
            case When():
                parts = self._side(element, x)
        return NOWHERE.union(*(self.read(part, x, env) for part in dict.fromkeys(parts)))

    def _side(self, element: When, x: Number | None) -> Sequence[Element]:
        if x is None or x == ZERO:
            return ()
        try:
            return (side_of(element, self.shape(x)),)
        except LayerError:
            return ()

    def _layer(self, element: LayerCall, x: Number | None) -> Numbers:
        name = element.layer.name
        found = {ZERO} if name == "none" or (name == "skip" and x == ZERO) else set()
        if x is None or x == ZERO:
            return frozenset(found)
        if name == "skip":
            return frozenset((x,))
        found.update(n for n in self._after.get(x, ()) if self.is_layer(n, element))
        self.trace.matched |= found
        if not found:
            self._miss(x, element)
        return frozenset(found)

    def _body(self, element: BodyLayer, x: Number | None, env: Env) -> Numbers:
        if x is None or x == ZERO:
            return NOWHERE
        found = set()
        tried = [n for n in self._after.get(x, ()) if self.nodes[n].layer is element.layer]
        for number in tried:
            entered = self.enters[number]
            if entered is not None:
                self.trace.matched.add(entered)
            ends = self.read(element.body, x if entered is None else entered, env)
            if self.inputs[number][0] in ends and self.is_layer(number, element):
                found.add(number)
        self.trace.matched |= found
        if not tried:
            self._miss(x, element)
        return frozenset(found)

    def _join(self, element: Join, x: Number | None, env: Env) -> Numbers:
        name = element.layer.name
        items = [(item, self.read(item, x, env)) for item in _flat(element.inputs)]
        some = NOWHERE.union(*(numbers for _, numbers in items))
        self.trace.joined.setdefault(name, set()).add(some)
        found = {
            number
            for number in self._joins.get(name, ())
            if self._could(items, self.inputs[number]) and self.is_layer(number, element)
        }
        self.trace.matched |= found
        if name in SINGLE:
            found |= some
        return frozenset(found)

    def _could(self, items: Sequence[tuple[Element, Numbers]], inputs: Sequence[Number]) -> bool:
        """Whether the inputs of a join could be these items in their order."""
        places = {0}
        for item, numbers in items:
            after = set(places) if gives_list(item) or ZERO in numbers else set()
            for place in sorted(places):
                for end in range(place, len(inputs) if gives_list(item) else min(place + 1, len(inputs))):
                    if inputs[end] not in numbers:
                        break
                    after.add(end + 1)
            places = after
        return len(inputs) in places

    def _repeat(self, element: Repeat, x: Number | None, env: Env) -> Numbers:
        xs = NOWHERE if x is None else frozenset((x,))
        for item in element.items:
            xs = self._each(item, xs, env)
        for end in xs:
            known = self.trace.crowded.get(end)
            if element.items and (known is None or len(known.items) < len(element.items)):
                self.trace.crowded[end] = element
        return xs

    def _group(self, group: Group, x: Number | None, env: Env) -> Numbers:
        inner = dict(env) if group.block is None else {name: self.read(part, x, env) for name, part in group.inputs}
        self._sites.append((x, group))
        xs = self._lines(group, NOWHERE if x is None else frozenset((x,)), inner)
        if group.out is not None:
            xs = self._each(group.out, xs, inner)
        self._sites.pop()
        return xs

    def _lines(self, group: Group, xs: Numbers, env: dict[str, Numbers]) -> Numbers:
        for i, line in enumerate(group.lines):
            for item in line:
                xs = self._each(item, xs, env)
            name = group.name_of(i)
            if name:
                env[name] = xs
                self.trace.lines.setdefault(name, set()).update(xs)
        for name, _ in group.inputs:
            self.trace.lines.setdefault(name, set()).update(env[name])
        return xs

    def _miss(self, x: Number, element: Element) -> None:
        uses = [(begun, site) for begun, site in self._sites if site.call is not None]
        use = next((site for begun, site in uses if begun == x), None)
        self.trace.missed.setdefault(x, {})[Miss(element, use, uses[0][1] if uses else None)] = None


def _flat(items: Sequence[Element]) -> list[Element]:
    """The items one by one, those of lists too."""
    return [each for item in items for each in (_flat(item.items) if isinstance(item, Many) else (item,))]
