"""Joins of several inputs: concatenation, sum, mean, product, and streams with weights."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from vnasdsl.layers.base import (
    Applied,
    Arguments,
    Field,
    FunctionCode,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Remark,
    Shape,
    need_map,
    show_shape,
)

Inputs = tuple[Shape, ...]
NOT_BROADCAST = (
    "along every axis the sizes must be equal or 1, and a vector needs as many features as the maps have channels:"
    " `linear(n)` or `conv(n, 1x1x1)` before it makes them so"
)


def concat(arguments: Arguments, shapes: Inputs, classes: int) -> Applied:
    """Channels one after the other, in the order of the inputs."""
    for shape in shapes[1:]:
        if shape[1:] != shapes[0][1:]:
            raise unequal("concat", shapes[0], shape)
    output = (sum(shape[0] for shape in shapes), *shapes[0][1:])
    return Applied(output, code=FunctionCode("torch.cat([{xs}], dim=1)" if len(shapes) > 1 else "{xs}"))


def pointwise(name: str, expression: str) -> Callable[[Arguments, Inputs, int], Applied]:
    def join(arguments: Arguments, shapes: Inputs, classes: int) -> Applied:
        for shape in shapes[1:]:
            if shape != shapes[0]:
                raise unequal(name, shapes[0], shape)
        code = expression.replace("{n}", str(len(shapes))) if len(shapes) > 1 else "{xs}"
        return Applied(shapes[0], code=FunctionCode(code))

    return join


def product(arguments: Arguments, shapes: Inputs, classes: int) -> Applied:
    """A vector is a map of one position; where an axis of a map is 1, its values are those of all positions."""
    output = max(shapes, key=len)
    for shape in shapes:
        full = shape if len(shape) == len(output) else (*shape, 1, 1, 1)
        if any(n != m and 1 not in (n, m) for n, m in zip(output, full, strict=True)):
            message = f"`product` cannot multiply {' and '.join(map(show_shape, dict.fromkeys(shapes)))}"
            raise LayerError("E0409", message, NOT_BROADCAST)
        output = tuple(map(max, output, full))
    return Applied(output, code=FunctionCode("{product}" if len(shapes) > 1 else "{xs}"))


def unequal(name: str, first: Shape, other: Shape) -> LayerError:
    if len(first) != len(other):
        help = "join maps with maps and vectors with vectors: `pool` makes a vector of a map"
    elif len(first) == 1:
        help = "give all inputs the same number of features, for instance with `linear`"
    elif first[1:] == other[1:]:
        help = "give all inputs the same number of channels, for instance with `conv(c, 1x1x1)`"
    else:
        help = "give all inputs the same frames, rows and columns: the same strides and padding on every way here"
    return LayerError("E0409", f"`{name}` joins {show_shape(first)} and {show_shape(other)}", help)


CONCAT = Layer(
    "concat",
    "the inputs concatenated along the channels; frames, rows and columns must be equal",
    (),
    join=concat,
)
SUM = Layer("sum", "the sum of all inputs, which must have the same shape", (), None, join=pointwise("sum", "{sum}"))
MEAN = Layer(
    "mean", "the mean of all inputs, which must have the same shape", (), None, join=pointwise("mean", "({sum}) / {n}")
)
PRODUCT = Layer(
    "product",
    "the product of all inputs, number by number. Along every axis sizes are equal or 1, whose value then counts for"
    " the whole axis; a vector multiplies the channels of maps. It makes gates, as in"
    " `product(x, x -> pool -> linear(same) -> sigmoid)`",
    (),
    join=product,
)


# ------------------ fusion with a weight for every edge: AssembleNet (Ryoo et al. 2020)


def weighted(arguments: Arguments, shapes: tuple[Shape, ...], classes: int) -> Applied:
    """MACs of the convolutions that widen; the edge weights count as parameters, given or learned."""
    by = arguments["by"]
    maps = [need_map("weighted", shape) for shape in shapes]
    widths, frames, rows, columns = zip(*maps, strict=True)
    if len(set(frames)) > 1:
        *others, last = dict.fromkeys(frames)
        shown = f"{', '.join(map(str, others))} and {last}"
        help = "give every way to it the same strides along frames"
        raise LayerError("E0407", f"`weighted` fuses streams of {shown} frames", help)
    if by != "learned" and len(by) != len(maps):
        raise _wrong_length(len(by), len(maps))
    attributes = (("by", by),)
    if len(maps) == 1:
        idle = None if by == "learned" else Remark("a single input has no weight", "is not used", "leave it out", "by")
        return Applied(maps[0], code=FunctionCode("{xs}"), attributes=attributes, warning=idle)
    widest = max(widths)
    narrower = dict.fromkeys(width for width in widths if width != widest)
    output = (widest, frames[0], min(rows), min(columns))
    weights = sum(narrower) * widest
    return Applied(
        output=output,
        macs=weights * prod(output[1:]),
        params=weights + len(maps),
        code=ModuleCode(
            "WeightedFusion",
            (
                Field("widths", widths, positional=True),
                Field("given", () if by == "learned" else by, ()),
            ),
            ("edges", *(f"widen.{i}.weight" for i in range(len(narrower)))),
        ),
        attributes=attributes,
    )


def _wrong_length(given: int, inputs: int) -> LayerError:
    message = f"`weighted` has {inputs} input{'s' * (inputs != 1)} and {given} weight{'s' * (given != 1)}"
    return LayerError("E0408", message, "`by` has one weight for every input, in their order, or is `learned`", "by")


WEIGHTED = Layer(
    "weighted",
    "weighted sum of streams: every input is max-pooled to the smallest rows and columns among the inputs and"
    " multiplied by its weight; inputs of equal width are summed, 1x1x1 convolutions without bias widen the narrower"
    " sums to the largest width, and all are summed. A weight is fixed, or the sigmoid of a learned number; both"
    " count as parameters. A single input passes through unchanged",
    (Parameter("by", "weights", "learned", "the weights, in the order of the inputs, or `learned`"),),
    join=weighted,
)
