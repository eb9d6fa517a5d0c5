"""A body whose output is added to its input."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import Applied, Layer, Shape, Value


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    return Applied(output=shape)


LAYER = Layer(
    "residual", "adds the input of the body in braces to its output: both have one shape", (), apply, wraps=True
)
