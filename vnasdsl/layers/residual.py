"""A body whose output is added to its input."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import Applied, Body, BodyCode, Layer, LayerError, Shape, Value, show_shape


def leave(arguments: Mapping[str, Value], before: Shape, after: Shape, classes: int) -> Applied:
    if before != after:
        message = f"`residual` adds {show_shape(after)} to its input {show_shape(before)}"
        raise LayerError("E0402", message)
    return Applied(output=after, code=BodyCode(leave="{kept} + {x}"))


LAYER = Layer(
    "residual", "adds the input of the body in braces to its output: both have one shape", (), None, body=Body(leave)
)
