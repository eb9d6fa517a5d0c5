"""Functions applied to every number on its own, and the layers that give the input itself and zeros."""

from __future__ import annotations

from vnasdsl.layers.base import Applied, Arguments, Field, FunctionCode, Layer, ModuleClass, Parameter, Shape
from vnasdsl.layers.window import ONE, STRIDE

FUNCTIONS = {
    "relu": ("F.relu", "nn.ReLU", "ReLU: max(x, 0)"),
    "relu6": ("F.relu6", "nn.ReLU6", "ReLU6: min(max(x, 0), 6)"),
    "leaky_relu": ("F.leaky_relu", "nn.LeakyReLU", "leaky ReLU: x where it is positive, else 0.01 x"),
    "elu": ("F.elu", "nn.ELU", "ELU: x where it is positive, else exp(x) - 1"),
    "gelu": ("F.gelu", "nn.GELU", "GELU: x * P(X < x) for a standard normal X"),
    "silu": ("F.silu", "nn.SiLU", "SiLU, also called swish: x * sigmoid(x)"),
    "hardswish": ("F.hardswish", "nn.Hardswish", "hard swish: x * min(max(x + 3, 0), 6) / 6"),
    "mish": ("F.mish", "nn.Mish", "Mish: x * tanh(log(1 + exp(x)))"),
    "sigmoid": ("torch.sigmoid", "nn.Sigmoid", "sigmoid: 1 / (1 + exp(-x))"),
    "hardsigmoid": ("F.hardsigmoid", "nn.Hardsigmoid", "hard sigmoid: min(max(x + 3, 0), 6) / 6"),
    "tanh": ("torch.tanh", "nn.Tanh", "hyperbolic tangent"),
    "softplus": ("F.softplus", "nn.Softplus", "softplus: log(1 + exp(x))"),
}
"""By the names of torch: function and module, what they are. None has parameters or MACs."""


def activation(default: str = "relu", name: str = "activation", of: str = "activation inside") -> Parameter:
    """The argument of a layer that has an activation inside: the name of any of them."""
    return Parameter(name, "word", default, f"{of}: the name of any activation layer, such as `silu`", tuple(FUNCTIONS))


def activation_field(arguments: Arguments, name: str = "activation", default: str = "relu") -> Field:
    """The argument in generated code: a class of torch."""
    return Field(name, ModuleClass(FUNCTIONS[arguments[name]][1]), ModuleClass(FUNCTIONS[default][1]))


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


ACTIVATIONS = tuple(elementwise(name, doc, f"{call}({{x}})") for name, (call, _, doc) in FUNCTIONS.items())
SKIP = Layer("skip", "the identity; it costs nothing, and derived networks leave it out", (), skip, takes="any")
NONE = Layer("none", "zeros in the shape of the input: no connection", (STRIDE,), none)
