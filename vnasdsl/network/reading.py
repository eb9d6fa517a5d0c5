"""A network as it is read against a space: its nodes by number, and which of them an element can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product, zip_longest
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Source, Span
from vnasdsl.layers.base import LayerError, Shape
from vnasdsl.network.nodes import LayerNode, Values
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredArgument,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerCall,
    join,
    real,
)
from vnasdsl.space.parts import first_value
from vnasdsl.space.shapes import LayerRules
from vnasdsl.space.values import expression_of

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph

# -------------------- choices, named relative to the place: parts of a space are shared

Made: TypeAlias = "tuple[object, ...]"
"""() or ("both", made, made), ("at", label, made), ("copy", i, made), ("choice", key, all possible values)."""


def both(a: Made, b: Made) -> Made:
    return ("both", a, b) if a and b else a or b


def at(label: str, made: Made) -> Made:
    return ("at", label, made) if made and label else made


def copy(number: int, made: Made) -> Made:
    return ("copy", number, made) if made else made


def listed(made: Made, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The choices by name, with the values that are possible."""
    todo: list[tuple[Made, str]] = [(made, path)]
    while todo:
        here, path = todo.pop()
        match here:
            case ("both", a, b):
                todo += [(b, path), (a, path)]  # type: ignore[list-item]
            case ("at", str(label), inner):
                todo.append((inner, join(path, label)))  # type: ignore[arg-type]
            case ("copy", int(i), inner):
                todo.append((inner, f"{path}[{i}]"))  # type: ignore[arg-type]
            case ("choice", str(key), values):
                yield join(path, key), values  # type: ignore[misc]


def written(value: object, field: DeferredArgument) -> str | None:
    """A value of the network as the space writes it; None where the space has no such value."""
    if field.low is not None and field.high is not None:
        number = real(str(value))
        return repr(number) if number is not None and field.low <= number <= field.high else None
    spelled = {"".join(str(value).split())}
    if not isinstance(value, str):
        nowhere = Span(Source("", ""), 0, 0)
        spelled.add("".join(print_inline(expression_of(value, nowhere)).split()))
    return next((o for o in field.options if "".join(o.split()) in spelled), None)


Number: TypeAlias = int
"""The place of a node in the order of the network."""
ZERO = -1
"""A `none` that a sum leaves out."""

MOST_CALLS = 512
"""Ways to close a call with open arguments where the network does not say which."""
MOST_STEPS = 200_000
"""Steps of a walk over the space; a step takes some microseconds."""


class GaveUpError(Exception):
    """Reading the network takes more steps than are spent on it."""


class Reading:
    """The nodes of a network by number, and what they do."""

    def __init__(self, network: NetworkGraph, rules: LayerRules, uses: Sequence[Group]):
        self.rules = rules
        self.nodes: tuple[LayerNode, ...] = network.order
        self._numbers = {node.label: i for i, node in enumerate(self.nodes)}
        self.inputs = [tuple(self._numbers[key] for key in node.inputs) for node in self.nodes]
        self.enters = [None if node.enter is None else self._numbers[node.enter] for node in self.nodes]
        self.output = self._numbers[network.output]
        self.given = tuple(self._numbers.get(node.label) for node in network.layers if node.operation == "input")
        """The inputs; None for one that nothing reads."""
        self.cut = False
        """Whether some ways to read it were left out because there were too many."""
        self._steps = 0
        self._calls: dict[str, dict[tuple[tuple[str, object], ...], None]] = {}
        for use in uses:
            self._calls.setdefault(use.block or "", {})[use.bound] = None
        self._reals = {0.0, 1.0} | {v for node in self.nodes for _, v in node.attributes if isinstance(v, float)}

    def step(self) -> None:
        """Raises: GaveUpError after MOST_STEPS."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise GaveUpError

    def shape(self, number: Number) -> Shape:
        return self.nodes[number].shape

    def number_of(self, value: Values) -> Number | None:
        """What a part of the network gives; None for a list, and where nothing reads it."""
        return None if isinstance(value, tuple) else self._numbers.get(value)

    def is_none(self, number: Number) -> bool:
        """Whether a sum leaves it out."""
        return number == ZERO or self.nodes[number].operation == "none"

    def is_layer(self, number: Number, element: LayerCall | Join | BodyLayer) -> bool:
        """Whether a node is a layer of the space."""
        if self.nodes[number].layer is not element.layer:
            return False
        shapes = map(self.shape, self.inputs[number][:: -1 if isinstance(element, BodyLayer) else 1])
        try:
            applied = self.rules.apply(element, *shapes)
        except LayerError:
            return False
        attributes = self.nodes[number].attributes
        if attributes == applied.attributes:
            return True
        weights = {p.name for p in element.layer.parameters if p.kind == "weights"}  # trained, not designed
        mine, theirs = ([pair for pair in each if pair[0] not in weights] for each in (attributes, applied.attributes))
        return bool(weights) and mine == theirs

    def closings(self, element: DeferredCall) -> Iterator[tuple[tuple[str, ...], Element]]:
        """Values for the open arguments, with what they make of the call: those with which the network uses the same
        block, else all of them."""
        for texts in self._closing_texts(element):
            try:
                yield texts, element.make(texts)
            except VnsError:
                continue

    def _closing_texts(self, element: DeferredCall) -> Iterator[tuple[str, ...]]:
        found: dict[tuple[str, ...], None] = {}
        for bound in self._calls.get(element.call.function, ()):
            values = dict(bound)
            texts = tuple(written(values[f.key], f) if f.key in values else None for f in element.fields)
            if None not in texts:
                found[texts] = None  # type: ignore[index]
        if found:
            yield from found
            return
        columns = [f.options or self._real_values(f) for f in element.fields]
        for count, texts in enumerate(product(*columns)):
            if count == MOST_CALLS:
                self.cut = True
                return
            yield texts

    def _real_values(self, f: DeferredArgument) -> tuple[str, ...]:
        assert f.low is not None and f.high is not None
        return tuple(repr(n) for n in sorted(self._reals) if f.low <= n <= f.high) or (first_value(f),)


# -------------------------------- what a part has to give, and the ways in which it can

Value: TypeAlias = "Number | None"
"""A node, `ZERO`, or None where nothing is needed."""
Tied: TypeAlias = "frozenset[tuple[str, tuple[str, ...], Value]]"
"""Choices of tied blocks by name, with the values that all uses allow, and what the last use gives."""

BEAM = 512
"""Ways to read one element that are followed."""


class Wants(NamedTuple):
    """What a part has to give: one value, or those of a list in their order."""

    values: tuple[Value, ...]
    open: bool = False
    """Whether a list may have more values."""
    zeros: bool = False
    """Whether `none`s may stand between the values of a list: a sum leaves them out."""


class Way(NamedTuple):
    """One way to read a part: what has to come in, what lines have to give by name, the shared nodes that it makes
    itself, the choices it needs, and how many of the values it was asked for are its own."""

    x: Value = None
    demands: tuple[tuple[str, Wants], ...] = ()
    used: frozenset[Number] = frozenset()
    tied: Tied = frozenset()
    made: Made = ()
    taken: int = 1


@dataclass(frozen=True)
class Conflict:
    """Two uses of a tied block that need different choices."""

    choice: str
    earlier: str
    later: str
    end: Number
    """What the later use gives."""


class Ways(Reading):
    """How ways go together."""

    def __init__(self, network: NetworkGraph, rules: LayerRules, uses: Sequence[Group]):
        super().__init__(network, rules, uses)
        self.conflicts: list[Conflict] = []
        self._tied = 0
        """How many tied blocks are around what is read."""

    def _distinct(self, ways: Iterable[Way]) -> tuple[Way, ...]:
        """Each way once. In a tied block also what was chosen counts, since its other uses have to agree."""
        found: dict[object, Way] = {}
        for way in ways:
            found.setdefault(way if self._tied else way._replace(made=()), way)
            if len(found) >= BEAM:
                self.cut = True
                break
        return tuple(found.values())

    def _and(self, a: Way, b: Way) -> Way | None:
        """Both ways at once, with what comes in before `b`; None where they contradict each other."""
        self.step()
        if a.used & b.used:
            return None
        demands = a.demands or b.demands
        if a.demands and b.demands:
            needed = dict(a.demands)
            for name, wants in b.demands:
                met = self._meet(needed[name], wants) if name in needed else wants
                if met is None:
                    return None
                needed[name] = met
            demands = tuple(sorted(needed.items(), key=lambda pair: pair[0]))
        tied = a.tied or b.tied
        if a.tied and b.tied:
            agreed = self._agreed(a.tied, b.tied)
            if agreed is None:
                return None
            tied = agreed
        return Way(b.x, demands, a.used | b.used, tied, both(b.made, a.made))

    def _beside(self, a: Way, b: Way) -> Way | None:
        """Two parts that begin with the same value, the second's values after those of the first."""
        x = self._same(a.x, b.x)
        whole = None if x is False else self._and(a, b)
        return None if whole is None else whole._replace(x=x, taken=a.taken + b.taken)

    def _same(self, a: Value, b: Value) -> Value | bool:
        """A value that is needed as both; False where it cannot be."""
        if a is None or a == b:
            return b
        if b is None:
            return a
        if ZERO in (a, b) and self.is_none(max(a, b)):
            return max(a, b)
        return False

    def _meet(self, a: Wants, b: Wants) -> Wants | None:
        """What is needed by two readers of one line."""
        if a.zeros != b.zeros:
            loose, exact = (a, b) if a.zeros else (b, a)
            if exact.open:  # which of its values are `none`s is not known
                self.cut = True
                return None
            return exact if loose.values == tuple(v for v in exact.values if v is None or not self.is_none(v)) else None
        if a.zeros:
            return a if a == b else None
        if (len(a.values) > len(b.values) and not b.open) or (len(b.values) > len(a.values) and not a.open):
            return None
        values = tuple(self._same(one, two) for one, two in zip_longest(a.values, b.values))
        return None if any(v is False for v in values) else Wants(values, a.open and b.open)

    def _agreed(self, later: Tied, earlier: Tied) -> Tied | None:
        found = {name: (values, end) for name, values, end in later}
        for name, values, end in earlier:
            allowed, last = found.get(name, (values, end))
            left = tuple(v for v in allowed if v in values)
            if not left:
                if last is not None and len(self.conflicts) < BEAM:
                    self.conflicts.append(Conflict(name, values[0], allowed[0], last))
                return None
            found[name] = left, last
        return frozenset((name, values, end) for name, (values, end) in found.items())
