"""Functions applied to every number on its own, and the layers that give the input itself and zeros."""

from __future__ import annotations

from vnasdsl.layers.base import Applied, Arguments, FunctionCode, Layer, Shape
from vnasdsl.layers.window import ONE, STRIDE


def elementwise(name: str, doc: str, expression: str) -> Layer:
    def apply(arguments: Arguments, shape: Shape) -> Applied:
        return Applied(output=shape, code=FunctionCode(expression))

    return Layer(name, doc, (), apply, takes="any")


def skip(arguments: Arguments, shape: Shape) -> Applied:
    return Applied(output=shape)


def none(arguments: Arguments, shape: Shape) -> Applied:
    """Zeros; with a stride as many as a layer with same padding would leave."""
    stride = arguments["stride"]
    steps = "".join(f", ::{s}" for s in stride)
    zeros = "torch.zeros_like({x})" if stride == ONE else f"torch.zeros_like({{x}}[:, :{steps}])"
    out = tuple(-(-n // s) for n, s in zip(shape[1:], stride, strict=True))
    return Applied(output=(shape[0], *out), code=FunctionCode(zeros))


ACTIVATIONS = tuple(
    elementwise(name, doc, f"{function}({{x}})")
    for name, doc, function in (
        ("relu", "ReLU: max(x, 0)", "F.relu"),
        ("relu6", "min(max(x, 0), 6)", "F.relu6"),
        ("leaky_relu", "x where it is positive, else 0.01 x", "F.leaky_relu"),
        ("elu", "x where it is positive, else exp(x) - 1", "F.elu"),
        ("gelu", "GELU: x * P(X < x) for a standard normal X", "F.gelu"),
        ("silu", "SiLU, also called swish: x * sigmoid(x)", "F.silu"),
        ("hswish", "hard swish: x * min(max(x + 3, 0), 6) / 6", "F.hardswish"),
        ("mish", "x * tanh(log(1 + exp(x)))", "F.mish"),
        ("sigmoid", "1 / (1 + exp(-x))", "torch.sigmoid"),
        ("hsigmoid", "hard sigmoid: min(max(x + 3, 0), 6) / 6", "F.hardsigmoid"),
        ("tanh", "hyperbolic tangent", "torch.tanh"),
        ("softplus", "log(1 + exp(x))", "F.softplus"),
    )
)
"""None has parameters, and none counts as MACs."""
SKIP = Layer("skip", "the identity; it costs nothing, and derived networks leave it out", (), skip, takes="any")
NONE = Layer("none", "zeros in the shape of the input: no connection", (STRIDE,), none)
