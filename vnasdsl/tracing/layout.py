"""How a tensor of the traced module lies over the output of an operation.

Views, permutations, parts and paddings are not looked at one by one: torch applies them to the places of the numbers,
and what comes out is compared with what a layer would give.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vnasdsl.codegen.helpers import helper_texts
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import FunctionCode, LayerError, ModuleCode, Shape
from vnasdsl.tracing.operation import GRID, Operation, with_defaults

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
