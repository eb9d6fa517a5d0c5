"""Wide depthwise convolution between two narrow ends: the inverted bottleneck (Sandler et al. 2018) along T, H, W."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape, tensors
from vnasdsl.layers.bottleneck import FOR_EVEN
from vnasdsl.layers.window import DILATION, ONE, STRIDE, odd_window


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs and parameters of the three convolutions, with their batch norms."""
    before, channels = shape[0], arguments["channels"]
    wide = before * arguments["expand"]
    middle = odd_window("inverted_bottleneck", arguments, shape, FOR_EVEN)
    output = (channels, *middle.output)
    shortcut = arguments["shortcut"] and output == shape
    ends = wide * prod(middle.kernel) + wide * channels
    return Applied(
        output=output,
        macs=before * wide * prod(shape[1:]) + ends * prod(middle.output),
        params=before * wide + ends + 2 * (2 * wide + channels),
        code=ModuleCode(
            "InvertedBottleneck",
            (
                Field("in_channels", before, positional=True),
                Field("channels", channels, positional=True),
                Field("expand", arguments["expand"]),
                Field("kernel", middle.kernel),
                Field("stride", arguments["stride"], ONE),
                Field("dilation", arguments["dilation"], ONE),
                Field("shortcut", shortcut),
                Field("act", arguments["act"]),
            ),
            tensors("first", "first_bn*", "middle", "middle_bn*", "last", "last_bn*"),
        ),
        attributes=(("shortcut", shortcut),),
        warning=middle.warning,
    )


LAYER = Layer(
    "inverted_bottleneck",
    "MobileNetV2 block: 1x1x1 convolution to expand times the input channels, batch norm, activation; depthwise"
    " convolution `kernel` with the stride, batch norm, activation; 1x1x1 convolution to `channels`, batch norm; plus"
    " the input if the shape is the same. No convolution has a bias",
    (
        Parameter("channels", "channels", doc="output channels, or `same`"),
        Parameter("kernel", "sizes", (1, 3, 3), "kernel of the depthwise convolution, odd"),
        STRIDE,
        DILATION,
        Parameter("expand", "whole", 4, "channels in the middle as a multiple of the input channels", low=1),
        Parameter("act", "word", "relu", "activation: `relu` or `hswish`", words=("relu", "hswish")),
        Parameter("shortcut", "flag", True, "add the input if the shape stays the same"),
    ),
    apply,
)
