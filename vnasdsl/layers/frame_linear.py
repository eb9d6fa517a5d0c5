"""The end of a classifier for long clips: logits of every frame, pooled by a softmax over time."""

from __future__ import annotations

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape, tensors


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the dense layer at every frame."""
    before, features = shape[0], arguments["features"]
    return Applied(
        output=(features,),
        macs=shape[1] * before * features,
        params=before * features + features,
        code=ModuleCode(
            "FrameLinear",
            (
                Field("in_features", before, positional=True),
                Field("features", features, positional=True),
                Field("dropout", arguments["dropout"], 0),
            ),
            tensors("linear+"),
        ),
    )


LAYER = Layer(
    "frame_linear",
    "classifier for long clips: mean over rows and columns, one linear layer with bias for the logits z_t of each"
    " frame, then for each class the sum over t of z_t * softmax_t(z_t / sqrt(frames))",
    (
        Parameter("features", "outputs", doc="output features, `same`, or `classes` for the number of classes"),
        Parameter("dropout", "share", 0, "share of the frame features that are set to zero during training"),
    ),
    apply,
)
