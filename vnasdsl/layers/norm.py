"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import Applied, Field, Layer, LayerError, ModuleCode, Parameter, Shape, Value, need_map


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    channels = need_map("bn", shape)[0]
    affine, start = arguments["affine"], arguments["start"]
    if start != 1 and not affine:
        message = f"`start` of `bn` is where its weights begin, and it has none; found `{start:g}`"
        raise LayerError("E0303", message, "leave `start` or `affine=false` out", "start")
    running = ("running_mean", "running_var", "num_batches_tracked")
    return Applied(
        output=shape,
        params=2 * channels if affine else 0,
        code=ModuleCode(
            "nn.BatchNorm3d" if start == 1 else "StartedBatchNorm3d",
            (
                Field("num_features", channels, role="channels", positional=True),
                Field("affine", affine, role="affine", default=True)
                if start == 1
                else Field("start", start, role="start"),
            ),
            ("weight", "bias", *running) if affine else running,
        ),
        attributes=(("affine", affine), *((("start", start),) if start != 1 else ())),
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
            rising=True,
        ),
    ),
    apply,
)
