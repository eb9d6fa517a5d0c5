"""Functions applied to every number on its own, and the layer that does nothing."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import Applied, FunctionCode, Layer, Shape, Value


def elementwise(name: str, doc: str, expression: str) -> Layer:
    def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
        return Applied(output=shape, code=FunctionCode(expression))

    return Layer(name, doc, (), apply)


def skip(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    return Applied(output=shape)


RELU = elementwise("relu", "max(x, 0)", "F.relu({x})")
HARD_SWISH = elementwise("hswish", "x * min(max(x + 3, 0), 6) / 6", "F.hardswish({x})")
SKIP = Layer("skip", "the input itself: costs nothing, and vanishes from a derived network", (), skip)
