"""Functions applied to every number on its own, the input itself, zeros, and normalisations."""

from __future__ import annotations

from vnasdsl.layers.base import (
    NORM,
    Applied,
    Arguments,
    Field,
    FunctionCode,
    Layer,
    LayerError,
    ModuleClass,
    ModuleCode,
    Parameter,
    Shape,
)
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


# ------------------------------------------------------------------ batch normalisation

EPS, MOMENTUM = 1e-5, 0.1
"""What torch takes."""


def bn(arguments: Arguments, shape: Shape) -> Applied:
    affine, start = arguments["affine"], arguments["start"]
    if start != 1 and not affine:
        message = f"`start` of `bn` is where its weights begin, and it has none; found `{start:g}`"
        raise LayerError("E0303", message, "leave `start` or `affine=false` out", "start")
    own = Field("affine", affine, True) if start == 1 else Field("start", start)
    more = (Field("eps", arguments["eps"], EPS), Field("momentum", arguments["momentum"], MOMENTUM))
    return Applied(
        output=shape,
        params=2 * shape[0] if affine else 0,
        code=ModuleCode(
            "nn.BatchNorm3d" if start == 1 else "StartedBatchNorm3d",
            (Field("num_features", shape[0], positional=True), own, *more),
            NORM if affine else NORM[2:],
        ),
        attributes=tuple(
            (name, arguments[name] if arguments[name] != usual else None)
            for name, usual in (("start", 1), ("eps", EPS), ("momentum", MOMENTUM))
        ),
    )


BN = Layer(
    "bn",
    "batch norm: normalises every channel over clips, frames, rows and columns",
    (
        Parameter("affine", "flag", True, "learn a weight and a bias for every channel"),
        Parameter(
            "start",
            "real",
            1.0,
            "initial value of the weights; use 0 for the last batch norm of a residual body",
            low=0,
            high=100,
        ),
        Parameter("eps", "real", EPS, "added to the variance", low=0, high=1),
        Parameter("momentum", "real", MOMENTUM, "share of a batch in the running statistics", low=0, high=1),
    ),
    bn,
)


# ------------------------------------------------- layer normalisation (Ba et al. 2016)


def layer_norm(arguments: Arguments, shape: Shape) -> Applied:
    return Applied(
        output=shape,
        params=2 * shape[0],
        code=ModuleCode(
            "LayerNorm3d",
            (Field("normalized_shape", shape[0], positional=True), Field("eps", arguments["eps"], 1e-5)),
            ("weight", "bias"),
        ),
    )


LAYER_NORM = Layer(
    "layer_norm",
    "layer norm: normalises the channels at each position of each clip, with a learned weight and bias",
    (Parameter("eps", "real", 1e-5, "added to the variance", low=0.0, high=1.0),),
    layer_norm,
    takes="any",
)
