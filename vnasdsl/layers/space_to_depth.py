"""Blocks of positions as channels of one position: patch merging of Swin (Liu et al. 2021), with a linear layer after
it."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape


def apply(arguments: Arguments, shape: Shape) -> Applied:
    block = arguments["block"]
    size = tuple(-(-n // b) for n, b in zip(shape[1:], block, strict=True))
    code = ModuleCode("SpaceToDepth", (Field("block", block, positional=True),), ())
    return Applied(output=(shape[0] * prod(block), *size), code=code)


LAYER = Layer(
    "space_to_depth",
    "each block of positions becomes one position, whose channels are those of all positions of the block: the"
    " frames first, then the rows, then the columns vary. A map that blocks do not divide gets zeros at its ends",
    (Parameter("block", "sizes", doc="size of a block as frames x rows x columns"),),
    apply,
)
