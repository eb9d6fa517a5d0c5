"""Fusion of streams with a weight for every edge, as in AssembleNet (Ryoo et al. 2020)."""

from __future__ import annotations

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
)


def join(arguments: Arguments, shapes: tuple[Shape, ...], classes: int) -> Applied:
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


LAYER = Layer(
    "weighted",
    "weighted sum of streams: every input is max-pooled to the smallest rows and columns among the inputs and"
    " multiplied by its weight; inputs of equal width are summed, 1x1x1 convolutions without bias widen the narrower"
    " sums to the largest width, and all are summed. A weight is fixed, or the sigmoid of a learned number; both"
    " count as parameters. A single input passes through unchanged",
    (Parameter("by", "weights", "learned", "the weights, in the order of the inputs, or `learned`"),),
    join=join,
)
