"""What reading a network keeps track of: ways to read a part of a space, how they combine, and what did not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vnasdsl.layers.base import Applied, Shape
from vnasdsl.network.made import Made, both
from vnasdsl.network.nodes import LayerNode, Values
from vnasdsl.space.elements import BodyLayer, Element, Group, Join, LayerCall, Repeat
from vnasdsl.space.reads import reads
from vnasdsl.space.rules import LayerRules

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph

Number: TypeAlias = int
"""The place of a node in the order of the network."""
Value: TypeAlias = "Number | tuple[Value, ...] | None"
"""What flows: a node, several (a list), `UNUSED`, or `ZERO`."""
UNUSED = None
"""Something that the network does not have, because nothing in it reads it."""
ZERO = -1
"""A `none` that sums leave out."""

Tied: TypeAlias = "frozenset[tuple[str, tuple[str, ...]]]"
"""Choices of tied blocks by name, with the values that each use allows."""

BEAM = 128
"""Ways to read one element after one value that are followed."""
MOST_STEPS = 100_000
"""Steps of the walk; a step takes some microseconds."""
MOST_CALLS = 512
"""Ways to close a call with open arguments where the network does not say which."""
NOTHING: frozenset[Number] = frozenset()
FREE: Tied = frozenset()


class Way(NamedTuple):
    """One way to read an element: what it gives, the shared nodes it takes as its own, and the choices it needs."""

    value: Value
    used: frozenset[Number] = NOTHING
    tied: Tied = FREE
    made: Made = ()


class Extent(Enum):
    """Which ways to read the lines with names are tried, from few to all."""

    NAMED = auto()
    """A line is what the network calls by its name; if that does not fit, what it calls by another, or unused."""
    USED = auto()
    """Only lines and values of a list that fit nothing in the network may be unused."""
    ALL = auto()
    """Any line and any value may be unused."""


class GaveUpError(Exception):
    """Reading the network takes more steps than are spent on it."""


@dataclass(frozen=True)
class Miss:
    """What the space could have after a node, and the network does not."""

    element: Element
    use: Group | None
    """The outermost use of a block that begins there."""
    around: Group | None
    """The outermost use of a block around it."""


@dataclass(frozen=True)
class Conflict:
    """Two uses of a tied block that need different choices."""

    choice: str
    first: str
    second: str
    value: Value


@dataclass
class Trace:
    """What a walk saw, for the error."""

    matched: set[Number] = field(default_factory=set)
    missed: dict[Value, dict[Miss, None]] = field(default_factory=dict)
    crowded: dict[Value, Repeat] = field(default_factory=dict)
    """Where all copies of a repeat have been read."""
    conflicts: list[Conflict] = field(default_factory=list)
    cut: bool = False
    """Whether some ways were left out because there were too many."""
    ends: dict[str, set[Value]] = field(default_factory=dict)
    """Where each stage of the space could end."""
    joined: dict[str, set[tuple[Value, ...]]] = field(default_factory=dict)
    """The inputs that joins of the space could have, by the name of the layer."""


Env: TypeAlias = tuple[tuple[str, Value], ...]
State: TypeAlias = tuple[Value, Env]


class Reading:
    """One reading of a network: its nodes by number, the ways found so far, and the trace."""

    def __init__(
        self,
        network: NetworkGraph,
        rules: LayerRules,
        uses: Sequence[Group],
        extent: Extent,
        called: Iterable[tuple[str, Values]],
        alternatives: bool,
    ):
        self.rules = rules
        self.trace = Trace()
        self.extent = extent
        self.alternatives = alternatives
        """Whether all choices of a tied block that make the same are followed: other uses may allow only some."""
        self.simplified = False
        """Whether only the first of such choices was followed somewhere."""
        self.nodes: tuple[LayerNode, ...] = network.order
        numbers = self._numbers = {node.label: i for i, node in enumerate(self.nodes)}
        self.inputs = [tuple(numbers[key] for key in node.inputs) for node in self.nodes]
        self.enters = [None if node.enter is None else numbers[node.enter] for node in self.nodes]
        self.output = numbers[network.output]
        self.given = tuple(numbers.get(node.label) for node in network.layers if node.operation == "input")
        """The inputs."""
        self.called: dict[str, set[Value]] = {}
        """What the network calls by a name."""
        for name, values in called:
            self.called.setdefault(name, set()).add(self.value_of(values))
        self.has_name = frozenset().union(*self.called.values())
        self._calls: dict[str, dict[tuple[tuple[str, object], ...], None]] = {}
        for use in uses:
            self._calls.setdefault(use.block or "", {})[use.bound] = None
        self._after: dict[tuple[Number, ...], list[Number]] = {}
        self._joins: dict[tuple[str, tuple[Number, ...]], list[Number]] = {}
        self._slices: set[tuple[Value, ...]] = {()}
        self._starts: dict[str, set[tuple[Value, ...]]] = {}
        """What the inputs of joins begin with, by the name of the layer."""
        readers = [0] * len(self.nodes)
        for number, node in enumerate(self.nodes):
            inputs = self.inputs[number]
            wraps = node.layer is not None and node.layer.wraps
            self._after.setdefault(inputs[-1:] if wraps else inputs, []).append(number)
            for source in inputs[:1] if wraps else inputs:
                readers[source] += 1
            if node.layer is not None and node.layer.join is not None:
                self._joins.setdefault((node.layer.name, inputs), []).append(number)
                self._slices.update(inputs[a:b] for a in range(len(inputs)) for b in range(a + 1, len(inputs) + 1))
                starts = self._starts.setdefault(node.layer.name, set())
                starts.update(inputs[:b] for b in range(2, len(inputs) + 1))
        classes: dict[object, int] = {}
        self.alike: list[int] = []
        """Nodes with equal numbers compute the same from the input, but for their weights."""
        for number, node in enumerate(self.nodes):
            key = (node.architecture, tuple(self.alike[i] for i in self.inputs[number]))
            self.alike.append(classes.setdefault(key, len(classes)))
        self._shared = frozenset(number for number, count in enumerate(readers) if count > 1)
        self._reals = {0.0, 1.0} | {v for node in self.nodes for _, v in node.attributes if isinstance(v, float)}
        self._known: dict[tuple[int, Value, Env, bool], tuple[Element, tuple[Way, ...]]] = {}
        self._tied = 0
        self._steps = 0
        self._sites: list[tuple[Value, Group]] = []

    def shape(self, number: Number) -> Shape:
        return self.nodes[number].shape

    def value_of(self, value: Values) -> Value:
        """What a part of the network gives, as numbers; unused where nothing reads it."""
        if isinstance(value, tuple):
            return tuple(self._numbers.get(key) for key in value)
        return self._numbers.get(value)

    @property
    def unmatched(self) -> list[Number]:
        """The nodes that fit nowhere in the space, in the order of the file."""
        return [n for n in range(len(self.nodes)) if n not in self.trace.matched and n not in self.given]

    def goes_on(self, element: Element, x: Value, number: Number) -> bool:
        """Whether an element, after `x`, would take this node that fits nowhere else."""
        trace, self.trace = self.trace, Trace()
        self._known.clear()
        try:
            self.read(element, x, ())
        except (GaveUpError, KeyError):
            return False
        finally:
            trace, self.trace = self.trace, trace
        return number in trace.matched

    # --------------------------------------------------------------------- ways

    def read(self, element: Element, x: Value, env: Env) -> tuple[Way, ...]:
        """The ways in which an element, after `x`, can give nodes of the network."""
        seen = env
        if env:
            names = reads(element)
            seen = tuple(pair for pair in env if pair[0] in names)
        key = (id(element), x, seen, bool(self._tied))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = (element, self._distinct(self._read(element, x, seen)))
        return known[1]

    def _distinct(self, ways: Iterable[Way]) -> tuple[Way, ...]:
        """Each way once. In a tied block also what was chosen counts, since its other uses have to agree."""
        found: dict[object, Way] = {}
        for way in ways:
            if way.value is UNUSED:
                way = Way(UNUSED)
            found.setdefault(way if self._tied else way[:3], way)
            if len(found) >= BEAM:
                self.trace.cut = True
                break
        return tuple(found.values())

    def _then(self, a: Way, b: Way) -> Way | None:
        """One after the other; None where they contradict each other."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise GaveUpError
        if a.used and b.used and a.used & b.used:
            return None
        tied = a.tied or b.tied
        if a.tied and b.tied:
            agreed = self._agreed(a.tied, b)
            if agreed is None:
                return None
            tied = agreed
        return Way(b.value, a.used | b.used if a.used and b.used else a.used or b.used, tied, both(a.made, b.made))

    def _agreed(self, before: Tied, way: Way) -> Tied | None:
        found = dict(before)
        for name, values in way.tied:
            left = tuple(v for v in found[name] if v in values) if name in found else values
            if not left:
                if len(self.trace.conflicts) < BEAM:
                    self.trace.conflicts.append(Conflict(name, found[name][0], values[0], way.value))
                return None
            found[name] = left
        return frozenset(found.items())

    def _all(self, ways: Iterable[Way], following: Callable[[Way], Iterable[Way]]) -> Iterator[Way]:
        """Each way with everything that can follow it."""
        for before in ways:
            for way in following(before):
                together = self._then(before, way)
                if together is not None:
                    yield together

    def _read(self, element: Element, x: Value, env: Env) -> Iterable[Way]:
        raise NotImplementedError

    def _chain(self, items: Sequence[Element], start: Way, env: Env) -> tuple[Way, ...]:
        ways: tuple[Way, ...] = (start,)
        for item in items:
            ways = self._distinct(self._all(ways, lambda way, item=item: self.read(item, way.value, env)))  # type: ignore[misc]
        return ways

    def _fits(self, number: Number, applied: Applied, element: LayerCall | Join | BodyLayer) -> bool:
        node = self.nodes[number]
        if node.layer is not element.layer:
            return False
        if node.attributes != applied.attributes:
            weights = {p.name for p in element.layer.parameters if p.kind == "weights"}
            mine, theirs = ({n: v for n, v in a if n not in weights} for a in (node.attributes, applied.attributes))
            if mine != theirs:
                return False
        self.trace.matched.add(number)
        return True

    def _own(self, number: Number) -> frozenset[Number]:
        return frozenset((number,)) if number in self._shared else NOTHING

    def _miss(self, x: Value, element: Element) -> None:
        uses = [(begun, site) for begun, site in self._sites if site.call is not None]
        use = next((site for begun, site in uses if begun == x), None)
        self.trace.missed.setdefault(x, {})[Miss(element, use, uses[0][1] if uses else None)] = None


def many(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)


def put(env: Env, name: str, value: Value) -> Env:
    return tuple(sorted((*(pair for pair in env if pair[0] != name), (name, value)), key=lambda pair: pair[0]))
