"""The end of a classifier for long clips: logits of every frame, pooled by a softmax over time."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import Applied, Field, Layer, ModuleCode, Parameter, Shape, Value, need_map


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """MACs of the dense layer at every frame."""
    before, frames, _, _ = need_map("frame_linear", shape)
    features = classes if arguments["features"] == "classes" else arguments["features"]
    dropout = arguments["dropout"]
    return Applied(
        output=(features,),
        macs=frames * before * features,
        params=before * features + features,
        code=ModuleCode(
            "FrameLinear",
            (
                Field("in_features", before, role="in_channels", positional=True),
                Field("features", features, role="features", positional=True),
                Field("dropout", dropout, role="dropout", default=0),
            ),
            ("linear.weight", "linear.bias"),
        ),
        attributes=(("features", features), ("dropout", dropout)),
    )


LAYER = Layer(
    "frame_linear",
    "classifier for long clips: mean over rows and columns, one linear layer with bias for the logits z_t of each"
    " frame, then for each class the sum over t of z_t * softmax_t(z_t / sqrt(frames))",
    (
        Parameter("features", "units", doc="output features, or `classes` for the number of classes"),
        Parameter(
            "dropout", "share", 0, "share of the frame features that are set to zero during training", rising=True
        ),
    ),
    apply,
)
