"""Functions applied to every number on its own, and the layers that give the input itself and zeros."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import Applied, FunctionCode, Layer, Shape, Value, need_map
from vnasdsl.layers.window import STRIDE


def elementwise(name: str, doc: str, expression: str) -> Layer:
    def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
        return Applied(output=shape, code=FunctionCode(expression))

    return Layer(name, doc, (), apply)


def skip(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    return Applied(output=shape)


def none(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """Zeros; with a stride as many as a layer with same padding would leave."""
    channels, *size = need_map("none", shape)
    stride = arguments["stride"]
    steps = "".join(f", ::{s}" for s in stride)
    zeros = "torch.zeros_like({x})" if stride == (1, 1, 1) else f"torch.zeros_like({{x}}[:, :{steps}])"
    out = tuple(-(-n // s) for n, s in zip(size, stride, strict=True))
    return Applied(output=(channels, *out), code=FunctionCode(zeros), attributes=(("stride", stride),))


RELU = elementwise("relu", "max(x, 0)", "F.relu({x})")
HARD_SWISH = elementwise("hswish", "x * min(max(x + 3, 0), 6) / 6", "F.hardswish({x})")
SKIP = Layer("skip", "the identity; it costs nothing, and derived networks leave it out", (), skip)
NONE = Layer("none", "zeros in the shape of the input: no connection", (STRIDE,), none)
