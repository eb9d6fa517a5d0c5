"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import Applied, Field, Layer, ModuleCode, Parameter, Shape, Value, need_map


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    channels = need_map("bn", shape)[0]
    affine = arguments["affine"]
    running = ("running_mean", "running_var", "num_batches_tracked")
    return Applied(
        output=shape,
        params=2 * channels if affine else 0,
        code=ModuleCode(
            "nn.BatchNorm3d",
            (
                Field("num_features", channels, role="channels", positional=True),
                Field("affine", affine, role="affine", default=True),
            ),
            ("weight", "bias", *running) if affine else running,
        ),
        attributes=(("affine", affine),),
    )


LAYER = Layer(
    "bn",
    "batch normalisation of every channel over clips, frames, rows and columns",
    (Parameter("affine", "flag", True, "learn a weight and a bias for every channel"),),
    apply,
)
