"""Values of the traced module as maps and vectors, in the layout that layers of the language take and give."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor

from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Applied, Shape
from vnasdsl.tracing.layout import (
    OUTSIDE,
    Numbers,
    UnknownError,
    Value,
    Weights,
    moving_layers,
    same,
)
from vnasdsl.tracing.operation import Operation, Raw, default_of, with_defaults

GLOBAL = {"kernel": Raw("(frames, rows, columns)"), "padding": "valid"}


class Places:
    """Makes operations, and finds those whose output is a value."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self.owners: tuple[tuple[str, str], ...] = ()
        self.place = ""
        """The modules around the call that is read now, and the path of the innermost."""
        self.known: dict[object, Operation] = {}
        """Operations that only move numbers: once for each place that needs them."""

    # -------------------------------------------------------------- new operations

    def new(
        self,
        layer: str,
        inputs: tuple[Operation, ...],
        given: Mapping[str, Any] | None = None,
        weights: dict[str, str] | None = None,
        shape: Shape | None = None,
    ) -> Operation:
        """A layer with those arguments that are not its defaults. Raises: LayerError where its rule refuses them."""
        given = given or {}
        shape = shape or self.applied(layer, inputs, given).output
        usual = {key: default_of(layer, key) for key in given}
        if usual.get("channels") == "same":
            usual["channels"] = inputs[0].shape[0]
        kept = {key: value for key, value in given.items() if value != usual[key]}
        return Operation(layer, inputs, shape, kept, weights or {}, self.owners, self.place)

    def applied(self, layer: str, inputs: tuple[Operation, ...], given: Mapping[str, Any]) -> Applied:
        entry, whole, shapes = CATALOGUE[layer], with_defaults(layer, dict(given)), tuple(each.shape for each in inputs)
        return entry.join(whole, shapes, 0) if entry.join else entry.apply(whole, shapes[0], 0)

    def once(self, layer: str, source: Operation, given: Mapping[str, Any], shape: Shape | None = None) -> Operation:
        key = (layer, source, tuple(given.items()))
        if key not in self.known:
            self.known[key] = self.new(layer, (source,), given, shape=shape)
        return self.known[key]

    def value(self, operation: Operation) -> Value:
        """The output of an operation as it is."""
        return Value(operation, self.numbers(1, *operation.shape))

    def value_along(self, operation: Operation, axis: int, positions: Tensor) -> Value:
        """The output of an operation with its channels on an axis; `positions` has the places of the first channel."""
        if len(operation.shape) == 1:
            return self.value(operation)
        channels, count = operation.shape[0], prod(operation.shape[1:])
        if self.numbers.are(positions):  # without a copy
            return Value(operation, self.numbers(channels, *positions.shape).movedim(0, axis))
        first = self.numbers(channels).view(-1, *(1,) * positions.dim()) * count
        return Value(operation, (positions + first).movedim(0, axis))

    # ------------------------------------------------------- operations for values

    def map(self, value: Value) -> Operation:
        """The operation that gives a value as a map. Raises: UnknownError."""
        index = value.index
        if index.dim() == 2 or (index.dim() == 5 and index.shape[1:] == (*value.operation.shape, 1, 1, 1)):
            return self.as_map(self.vector(Value(value.operation, index.flatten(1))))
        if index.dim() != 5 or len(index) != 1:
            raise UnknownError(f"on {index.dim()} axes")
        return self.found(value.operation, index[0])

    def as_map(self, vector: Operation) -> Operation:
        """A map of one position, of a mean."""
        if vector.layer != "pool":
            raise UnknownError("on a vector")
        return self.mean_map(vector.inputs[0], GLOBAL)

    def mean_map(self, source: Operation, given: Mapping[str, Any]) -> Operation:
        words = str(given["kernel"]).strip("()").split(", ")
        shape = tuple(n if word == "1" else 1 for word, n in zip(words, source.shape[1:], strict=True))
        return self.once("avg_pool", source, given, (source.shape[0], *shape))

    def vector(self, value: Value) -> Operation:
        """The operation that gives a value, (1, C), as a vector. Raises: UnknownError."""
        source, index = value.operation, value.index
        if index.dim() != 2 or len(index) != 1:
            raise UnknownError(f"on {index.dim()} axes")
        if len(source.shape) == 4 and prod(source.shape[1:]) == 1 and self.numbers.are(index):
            if source.layer == "avg_pool" and source.arguments == GLOBAL:
                source = source.inputs[0]
            return self.once("pool", source, {})
        return self.found(source, index[0])

    def along(self, value: Value, axis: int) -> tuple[Operation, Tensor]:
        """The operation that gives a value, with its channels on an axis, for layers that treat all positions alike;
        and the places of the first channel, in any order. Raises: UnknownError."""
        source, index = value.operation, value.index
        if index.dim() == 2 and len(index) == 1:
            return self.vector(value), index[:, 0]
        moved, count = index.movedim(axis, 0), prod(source.shape[1:])
        fits = index.numel() == prod(source.shape) and len(moved) == source.shape[0] and int(moved[0].max()) < count
        if fits and same(moved, self.value_along(source, 0, moved[0]).index):
            return source, moved[0]
        if index.dim() == 5:
            made = self.map(Value(source, moved.movedim(0, 1)))
        elif index.dim() == 3 and source.shape[1:3] == (1, 1):
            made = self.found(source, moved.movedim(0, 1)[0, :, None, None])
        else:
            raise UnknownError("of rearranged numbers")
        return made, self.numbers(*moved.shape[1:])

    def settled(self, value: Value) -> Value:
        """The same with each number of an operation once, for layers that treat each number alike."""
        if value.index.dim() == 2:
            return self.value(self.vector(value))
        if value.index.numel() == prod(value.operation.shape) and int(value.index.min()) >= 0:
            return value
        if value.index.dim() == 5:
            return self.value(self.map(value))
        made, positions = self.along(value, -1)
        return self.value_along(made, -1, positions)

    def found(self, source: Operation, index: Tensor) -> Operation:
        """An output whose numbers are moved as an index says, by a layer that does so. Raises: UnknownError."""
        if tuple(index.shape) == source.shape and self.numbers.are(index):
            return source
        for layer, given in moving_layers(self.numbers, source.shape, index):
            return self.once(layer, source, given, tuple(index.shape))
        raise UnknownError("of rearranged numbers")

    # -------------------------------------------------------------------- weights

    def weight(self, weights: object) -> str:
        """The name of a tensor of the module. Raises: UnknownError for one that is computed."""
        if not isinstance(weights, Weights) or len(weights.terms) != 1:
            raise UnknownError("with weights that are computed")
        ((name, index),) = weights.terms
        if not self.numbers.are(index):
            raise UnknownError("with weights that are computed")
        return name

    def sum_of_weights(self, a: Weights, b: Weights) -> Weights:
        shape = torch.broadcast_shapes(a.terms[0][1].shape, b.terms[0][1].shape)
        return Weights(tuple((name, index.expand(shape)) for name, index in (*a.terms, *b.terms)))

    def weights_after_another(self, parts: list[Any], axis: int) -> Weights:
        """The concatenation: each of the weights with zeros where the others are."""
        if not all(isinstance(part, Weights) for part in parts):
            raise UnknownError("of a weight and a constant")
        found = []
        for part in parts:
            for name, index in part.terms:
                blank = [torch.full_like(other.terms[0][1], OUTSIDE) for other in parts]
                found.append(
                    (name, torch.cat([index if o is part else b for o, b in zip(parts, blank, strict=True)], axis))
                )
        return Weights(tuple(found))

    def spread(self, index: Tensor, value: Value) -> Tensor:
        """For each number of the output of an operation, which weight meets it. Raises: UnknownError."""
        value = self.settled(value)
        if torch.broadcast_shapes(index.shape, value.index.shape) != value.index.shape:
            raise UnknownError("of a larger weight")
        found = torch.empty(value.index.numel(), dtype=index.dtype)
        found[value.index.flatten().long()] = index.expand(value.index.shape).flatten()
        return found.view(value.operation.shape)

    def with_position(self, operation: Operation, name: str, places: Tensor) -> Operation:
        """A map plus a weight, as learned positions. Raises: UnknownError."""
        if len(operation.shape) != 4:
            raise UnknownError("of a weight and a vector")
        channels, frames, rows, columns = operation.shape
        token = places[:, 0, 0, 0]
        if operation.layer == "class_token":
            if bool((places[..., 1:] < 0).all()) and self.numbers.are(token) and not operation.arguments:
                operation.arguments["position"] = True
                operation.weights["position"] = name
                return operation
            if bool((token < 0).all()):
                inner = operation.inputs[0]
                inner = self.with_position(inner, name, places[:, 0, 0, 1:].reshape(inner.shape))
                operation.inputs = (inner,)
                return operation
        for over, size in (
            ("joint", (frames, rows, columns)),
            ("spatial", (1, rows, columns)),
            ("temporal", (frames, 1, 1)),
        ):
            expected = self.numbers(*size, channels).movedim(-1, 0).expand(operation.shape)
            if same(expected, places):
                return self.new("position", (operation,), {"over": over}, {"weight": name})
        raise UnknownError("of a weight that is no position")

    def scaled(self, operation: Operation, name: str, places: Tensor) -> Operation:
        channels = operation.shape[0]
        axes = (1,) * (len(operation.shape) - 1)
        for channelwise in (False, True):
            expected = self.numbers(channels if channelwise else 1, *axes).expand(operation.shape)
            if same(expected, places):
                return self.new("scale", (operation,), {"channelwise": channelwise}, {"factor": name})
        raise UnknownError("by a weight that is not one for each channel")
