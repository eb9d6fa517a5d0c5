"""A network as it is read against a space: its nodes by number, and which of them an element can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

from vnasdsl.language.diagnostics import VnsError
from vnasdsl.layers.base import Applied, LayerError, Shape
from vnasdsl.network.made import written
from vnasdsl.network.nodes import LayerNode, Values
from vnasdsl.space.deferred import first_value
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredArgument,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerCall,
)
from vnasdsl.space.rules import LayerRules

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph

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

    def is_call(self, number: Number, element: LayerCall) -> bool:
        """Whether a node is a layer of the space."""
        if self.nodes[number].layer is not element.layer:
            return False
        try:
            return self._fits(number, self.rules.apply(element, self.shape(self.inputs[number][0])), element)
        except LayerError:
            return False

    def is_join(self, number: Number, element: Join) -> bool:
        if self.nodes[number].layer is not element.layer:
            return False
        try:
            shapes = tuple(self.shape(source) for source in self.inputs[number])
            return self._fits(number, self.rules.join(element, shapes), element)
        except LayerError:
            return False

    def is_body(self, number: Number, element: BodyLayer) -> bool:
        if self.nodes[number].layer is not element.layer:
            return False
        end, before = self.inputs[number]
        try:
            return self._fits(number, self.rules.leave(element, self.shape(before), self.shape(end)), element)
        except LayerError:
            return False

    def is_skip(self, number: Number, element: LayerCall) -> bool:
        """Whether a `skip` hands this node on as it is."""
        try:
            return element.layer.name == "skip" and self.rules.apply(element, self.shape(number)).output == self.shape(
                number
            )
        except LayerError:
            return False

    def _fits(self, number: Number, applied: Applied, element: LayerCall | Join | BodyLayer) -> bool:
        attributes = self.nodes[number].attributes
        if attributes == applied.attributes:
            return True
        weights = {p.name for p in element.layer.parameters if p.kind == "weights"}  # trained, not designed
        if not weights:
            return False
        mine, theirs = ([pair for pair in each if pair[0] not in weights] for each in (attributes, applied.attributes))
        return mine == theirs

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
