"""Channels weighted by what the whole clip holds: squeeze-excite (Hu et al. 2018)."""

from __future__ import annotations

from vnasdsl.layers.activation import activation, activation_field
from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape, tensors

MULTIPLE = Parameter(
    "multiple",
    "whole",
    1,
    "the width between is rounded to a multiple of it, up where rounding would take more than a tenth away; 1 rounds"
    " down to a whole number",
    low=1,
)


def narrow_width(channels: int, ratio: float, least: int, multiple: int) -> int:
    """Channels between the convolutions: with multiples as MobileNet, X3D and MoViNet round them."""
    asked = channels * ratio
    if multiple == 1:
        return max(int(asked), least)
    rounded = max(int(asked + multiple / 2) // multiple * multiple, least)
    return rounded + multiple if rounded < 0.9 * asked else rounded


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the two 1x1x1 convolutions, which see one position of the clip, or of each frame where causal; a ratio of
    0 is no layer at all."""
    channels, ratio = shape[0], arguments["ratio"]
    if ratio == 0:
        return Applied(output=shape)
    narrow = narrow_width(channels, ratio, arguments["least"], arguments["multiple"])
    causal = arguments["causal"]
    weights = (3 if causal else 2) * channels * narrow
    return Applied(
        output=shape,
        macs=weights * (shape[1] if causal else 1),
        params=weights + narrow + channels,
        code=ModuleCode(
            "SqueezeExcite",
            (
                Field("channels", channels, positional=True),
                Field("narrow", narrow),
                activation_field(arguments),
                activation_field(arguments, "gate", "sigmoid"),
                Field("causal", causal, False),
            ),
            tensors("squeeze+", "excite+"),
        ),
    )


LAYER = Layer(
    "squeeze_excite",
    "squeeze-and-excitation: the E channels are multiplied by a gate that is computed from their means over the"
    " clip: 1x1x1 convolution to max(E * ratio, least) channels, activation, 1x1x1 convolution to E, gate; both with"
    " bias",
    (
        Parameter(
            "ratio",
            "real",
            doc="width between the convolutions as a share of E; 0 means no layer",
            low=0.0,
            high=1.0,
        ),
        Parameter("least", "whole", 8, "smallest width between the convolutions", low=1),
        MULTIPLE,
        activation(of="activation between the convolutions"),
        activation("sigmoid", "gate", "function of the gate"),
        Parameter(
            "causal",
            "flag",
            False,
            "a gate for each frame, from the means of this frame beside those of all frames so far (MoViNet's streams)",
        ),
    ),
    apply,
)
