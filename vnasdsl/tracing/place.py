"""Values of the traced module as maps and vectors, in the layout that layers of the language take and give."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vnasdsl.codegen.helpers import helper_texts
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Applied, FunctionCode, LayerError, ModuleCode, Shape
from vnasdsl.tracing.tree import GRID, Operation, Raw, default_of, with_defaults

# ------------------------------------ how a tensor lies over the output of an operation
# Views, permutations, parts and paddings are not looked at one by one: torch applies them to the places of the numbers,
# and what comes out is compared with what a layer would give.

REARRANGING = frozenset(
    """alias chunk clone constant_pad_nd contiguous detach expand expand_as flatten flip getitem index index_select
    lift_fresh_copy movedim narrow numpy_T permute pad repeat repeat_interleave reshape roll select slice split
    split_with_sizes squeeze t tensor_split transpose unbind unflatten unsqueeze view _unsafe_view""".split()
)
"""Operations that only move numbers."""
OUTSIDE = -1
"""The place of a zero that was put around a map; below it, of minus infinity."""


class UnknownError(Exception):
    """What no layer does: why, if that is more than its name."""


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor: for each of its numbers, the place in the output of an operation. The first axis is the batch of 1."""

    operation: Operation
    index: Tensor


@dataclass(frozen=True, eq=False)
class Weights:
    """A sum of tensors of the module, each by its name and the places of its numbers; `OUTSIDE` is zero."""

    terms: tuple[tuple[str, Tensor], ...]


class Numbers:
    """0, 1, 2, ... in any shape, without a copy."""

    def __init__(self) -> None:
        self.all = torch.arange(1 << 16, dtype=torch.int32)

    def __call__(self, *shape: int) -> Tensor:
        count = prod(shape)
        if count > len(self.all):
            self.all = torch.arange(2 * count, dtype=torch.int32)
        return self.all[:count].view(shape)

    def are(self, index: Tensor) -> bool:
        """Whether an index holds all numbers from 0 in their order."""
        return same(index, self(*index.shape))


def same(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape:
        return False
    return (a.data_ptr() == b.data_ptr() and a.stride() == b.stride()) or torch.equal(a, b)


def rearranged(call: Callable[..., Any], name: str, index: Tensor, args: tuple[Any, ...], more: dict[str, Any]) -> Any:
    """What an operation that moves numbers does to their places.

    Raises: UnknownError for a padding by another number than 0 and minus infinity.
    """
    if name not in ("pad", "constant_pad_nd"):
        return call(*args, **more)
    pad, *rest = args[1:]
    mode, value = rest if name == "pad" and len(rest) == 2 else ("constant", rest[0] if rest else 0)
    mode, value = more.get("mode", mode), more.get("value", value) or 0
    if isinstance(value, str):
        mode, value = value, more.get("value") or 0
    if mode != "constant" or value not in (0, -math.inf):
        raise UnknownError(f"with a padding of {value if mode == 'constant' else mode}")
    return F.pad(index, pad, value=OUTSIDE if value == 0 else OUTSIDE - 1)


def without_padding(index: Tensor) -> tuple[Tensor, tuple[int, ...], tuple[int, ...], float]:
    """A map without what was put around it: the index, how much before and after each axis, and its value."""
    outside = index < 0
    if not outside.any():
        return index, (0, 0, 0), (0, 0, 0), 0.0
    ends = []
    for axis in (2, 3, 4):
        inside = (~outside).movedim(axis, 0).flatten(1).any(1).nonzero().flatten()
        ends.append((int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0))
    value = 0.0 if int(index.min()) == OUTSIDE else -math.inf
    cut = index[:, :, ends[0][0] : ends[0][1], ends[1][0] : ends[1][1], ends[2][0] : ends[2][1]]
    after = (n - end for (_, end), n in zip(ends, index.shape[2:], strict=True))
    return cut, tuple(begin for begin, _ in ends), tuple(after), value


def moving_layers(numbers: Numbers, source: Shape, index: Tensor) -> Iterator[tuple[str, dict[str, Any]]]:
    """The layers that only move numbers and make this of an output (here without batch), each with its arguments."""
    for layer, given in _candidates(source, index):
        try:
            made = _moved(layer, given, numbers(1, *source), source)
        except (LayerError, RuntimeError, IndexError):
            continue
        if same(made[0], index):
            yield layer, given


def _candidates(source: Shape, index: Tensor) -> Iterator[tuple[str, dict[str, Any]]]:
    target = tuple(index.shape)
    if len(target) == 1:
        yield from (("read_token", {}), ("flatten", {}))
        return
    if len(source) != 4:
        return
    if source[0] == target[0] and source[1:3] == (1, 1) and source[3] == 1 + prod(target[1:]):
        yield GRID, {"grid": target[1:]}
    first = int(index.flatten()[0])
    for axis in range(4):
        if source[:axis] == target[:axis] and source[axis + 1 :] == target[axis + 1 :] and target[axis] < source[axis]:
            place = first // prod(source[axis + 1 :]) % source[axis]
            if source[axis] % target[axis] == 0:
                yield "chunk", {"parts": source[axis] // target[axis], "take": place // target[axis], "axis": axis}
            if axis == 1:
                yield "sample_frames", {"count": target[1]}
    if target == (source[0] * source[1], 1, *source[2:]):
        yield "flatten", {"time": True}
    block = tuple(-(-n // m) for n, m in zip(source[1:], target[1:], strict=True))
    if target[0] == source[0] * prod(block):
        yield "space_to_depth", {"block": block}
    if source == target:
        earlier, later = (int((index[:, frame].flatten(1)[:, 0] == OUTSIDE).sum()) for frame in (0, -1))
        yield "shift", {"share": earlier / source[0], "online": not later}


def _moved(layer: str, given: dict[str, Any], index: Tensor, source: Shape) -> Tensor:
    """What a layer makes of an index; zeros come from outside."""
    if layer == GRID:
        return index[..., 0, 0, 1:].unflatten(2, given["grid"])
    code = CATALOGUE[layer].apply(with_defaults(layer, given), source, 0).code
    modules: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "math": math, "Tensor": Tensor, "index": index}
    if isinstance(code, FunctionCode):
        return eval(code.expression.format(x="index"), modules)  # noqa: S307
    assert isinstance(code, ModuleCode)
    exec(helper_texts()[code.callee], modules)  # noqa: S102
    module = modules[code.callee](**{field.name: field.value for field in code.fields})
    return module(index + 1) - 1


# ---------------------------------------------------------------- operations for values

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
