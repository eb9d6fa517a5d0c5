"""Channels weighted by one dense layer over the means of the clip: context gating (Miech et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.layers.base import Applied, Field, Layer, ModuleCode, Shape, Value, need_map


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """MACs of the 1x1x1 convolution, which sees one position a clip."""
    channels = need_map("context_gate", shape)[0]
    return Applied(
        output=shape,
        macs=channels * channels,
        params=channels * channels + channels,
        code=ModuleCode(
            "ContextGate",
            (Field("channels", channels, role="channels", positional=True),),
            ("gate.weight", "gate.bias"),
        ),
    )


LAYER = Layer(
    "context_gate",
    "multiplies the channels by a gate that is computed from their means over the clip: 1x1x1 convolution with bias,"
    " sigmoid",
    (),
    apply,
)
