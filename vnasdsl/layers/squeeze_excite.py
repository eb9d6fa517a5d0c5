"""Channels weighted by what the whole clip holds: squeeze-excite (Hu et al. 2018)."""

from __future__ import annotations

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape, tensors


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the two 1x1x1 convolutions, which see one position a clip; a ratio of 0 is no layer at all."""
    channels, ratio = shape[0], arguments["ratio"]
    if ratio == 0:
        return Applied(output=shape)
    narrow = max(int(channels * ratio), arguments["least"])
    return Applied(
        output=shape,
        macs=2 * channels * narrow,
        params=2 * channels * narrow + narrow + channels,
        code=ModuleCode(
            "SqueezeExcite",
            (Field("channels", channels, positional=True), Field("narrow", narrow)),
            tensors("squeeze+", "excite+"),
        ),
    )


LAYER = Layer(
    "squeeze_excite",
    "squeeze-and-excitation: the E channels are multiplied by a gate that is computed from their means over the"
    " clip: 1x1x1 convolution to max(E * ratio, least) channels, ReLU, 1x1x1 convolution to E, sigmoid; both with"
    " bias",
    (
        Parameter(
            "ratio",
            "real",
            doc="width between the convolutions as a share of E; 0 means no layer",
            low=0.0,
            high=1.0,
            rising=True,
        ),
        Parameter("least", "whole", 8, "smallest width between the convolutions", low=1),
    ),
    apply,
)
