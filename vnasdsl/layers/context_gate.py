"""Channels weighted by one dense layer over the means of the clip: context gating (Miech et al. 2017)."""

from __future__ import annotations

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Shape, tensors


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the 1x1x1 convolution, which sees one position a clip."""
    channels = shape[0]
    return Applied(
        output=shape,
        macs=channels * channels,
        params=channels * channels + channels,
        code=ModuleCode("ContextGate", (Field("channels", channels, positional=True),), tensors("gate+")),
    )


LAYER = Layer(
    "context_gate",
    "multiplies the channels by a gate that is computed from their means over the clip: 1x1x1 convolution with bias,"
    " sigmoid",
    (),
    apply,
)
