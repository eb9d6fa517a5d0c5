"""Learned embeddings of positions, added to a map."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.attention import OVER
from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape


def apply(arguments: Arguments, shape: Shape) -> Applied:
    frames, rows, columns = shape[1:]
    over = arguments["over"]
    size = (1 if over == "spatial" else frames, *((1, 1) if over == "temporal" else (rows, columns)))
    return Applied(
        output=shape,
        params=prod(size) * shape[0],
        code=ModuleCode(
            "Position",
            (Field("channels", shape[0], positional=True), Field("size", size, positional=True)),
            ("weight",),
        ),
    )


LAYER = Layer(
    "position",
    "adds a learned vector to each position",
    (
        Parameter(
            "over",
            "word",
            "joint",
            "one vector for each frame, row and column (`joint`), for each row and column (`spatial`), or for each"
            " frame (`temporal`)",
            words=OVER,
        ),
    ),
    apply,
)
