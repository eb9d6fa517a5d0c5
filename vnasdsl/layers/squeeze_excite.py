"""Channels weighted by what the whole clip holds: squeeze-excite (Hu et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import Applied, Field, Layer, ModuleCode, Parameter, Shape, Value, need_map


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """MACs of the two 1x1x1 convolutions, which see one position a clip; a ratio of 0 is nothing at all."""
    channels = need_map("squeeze_excite", shape)[0]
    ratio, least = arguments["ratio"], arguments["least"]
    attributes = (("ratio", ratio), ("least", least))
    if ratio == 0:
        return Applied(output=shape, attributes=attributes)
    narrow = max(int(channels * ratio), least)
    return Applied(
        output=shape,
        macs=2 * channels * narrow,
        params=2 * channels * narrow + narrow + channels,
        code=ModuleCode(
            "SqueezeExcite",
            (
                Field("channels", channels, role="channels", positional=True),
                Field("narrow", narrow, role="narrow"),
            ),
            ("squeeze.weight", "squeeze.bias", "excite.weight", "excite.bias"),
        ),
        attributes=attributes,
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
