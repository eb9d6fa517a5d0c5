"""Wide depthwise convolution between two narrow ends: the inverted bottleneck (Sandler et al. 2018) along T, H, W."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.activation import activation, activation_field
from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape, tensors
from vnasdsl.layers.bottleneck import FOR_EVEN
from vnasdsl.layers.squeeze_excite import narrow_width
from vnasdsl.layers.window import DILATION, ONE, STRIDE, odd_window


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs and parameters of the three convolutions, with their batch norms, and of squeeze-excite."""
    before, channels = shape[0], arguments["channels"]
    wide = before * arguments["expand"]
    middle = odd_window("inverted_bottleneck", arguments, shape, FOR_EVEN)
    output = (channels, *middle.output)
    shortcut = arguments["shortcut"] and output == shape
    narrow = narrow_width(wide, arguments["squeeze"], 8, 8) if arguments["squeeze"] else 0
    ends = wide * prod(middle.kernel) + wide * channels
    return Applied(
        output=output,
        macs=before * wide * prod(shape[1:]) + ends * prod(middle.output) + 2 * wide * narrow,
        params=before * wide + ends + 2 * (2 * wide + channels) + (2 * wide * narrow + narrow + wide if narrow else 0),
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
                activation_field(arguments),
                Field("narrow", narrow, 0),
                activation_field(arguments, "gate", "sigmoid"),
            ),
            tensors(
                "first",
                "first_bn*",
                "middle",
                "middle_bn*",
                *(("squeeze+", "excite+") if narrow else ()),
                "last",
                "last_bn*",
            ),
        ),
        attributes=(("shortcut", shortcut),),
        warning=middle.warning,
    )


LAYER = Layer(
    "inverted_bottleneck",
    "MobileNetV2 block: 1x1x1 convolution to expand times the input channels, batch norm, activation; depthwise"
    " convolution `kernel` with the stride, batch norm, activation; squeeze-excite where `squeeze` is not 0; 1x1x1"
    " convolution to `channels`, batch norm; plus the input if the shape is the same. No convolution but those of"
    " squeeze-excite has a bias",
    (
        Parameter("channels", "channels", doc="output channels, or `same`"),
        Parameter("kernel", "sizes", (1, 3, 3), "kernel of the depthwise convolution, odd"),
        STRIDE,
        DILATION,
        Parameter("expand", "whole", 4, "channels in the middle as a multiple of the input channels", low=1),
        activation(of="both activations, and that of squeeze-excite"),
        Parameter("shortcut", "flag", True, "add the input if the shape stays the same"),
        Parameter(
            "squeeze",
            "real",
            0.0,
            "width of squeeze-excite as a share of the middle, rounded to a multiple of 8; 0 means none",
            low=0.0,
            high=1.0,
        ),
        activation("sigmoid", "gate", "function of the gate of squeeze-excite"),
    ),
    apply,
)
