"""Batch normalisation."""

from __future__ import annotations

from vnasdsl.layers.base import NORM, Applied, Arguments, Field, Layer, LayerError, ModuleCode, Parameter, Shape

EPS, MOMENTUM = 1e-5, 0.1
"""What torch takes."""


def apply(arguments: Arguments, shape: Shape) -> Applied:
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


LAYER = Layer(
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
    apply,
)
