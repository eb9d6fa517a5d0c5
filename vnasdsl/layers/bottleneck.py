"""Bottlenecks: a narrow convolution between two of 1x1x1, with a shortcut (He et al. 2016), and its 3-D relatives."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.activation import activation, activation_field
from vnasdsl.layers.base import (
    Applied,
    Arguments,
    Field,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    show_shape,
    tensors,
)
from vnasdsl.layers.conv import no_groups
from vnasdsl.layers.window import DILATION, ONE, STRIDE, odd_window

FOR_EVEN = "write the convolutions out for an even one"


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs and parameters of three convolutions and, where there is one, the projection; with their batch norms."""
    before, channels, wide, groups = shape[0], *(arguments[name] for name in ("channels", "wide", "groups"))
    if channels % groups or wide % groups:
        raise no_groups("bottleneck", groups, channels, wide)
    after = channels * arguments["expand"]
    first = odd_window("bottleneck", {**arguments, "stride": ONE}, shape, FOR_EVEN, "first")
    middle = odd_window("bottleneck", arguments, shape, FOR_EVEN)
    output = (after, *middle.output)
    project = arguments["project"] == "always" or (arguments["project"] == "auto" and output != shape)
    if not project and output != shape:
        message = f"`bottleneck` adds {show_shape(output)} to its input {show_shape(shape)}"
        help = "write `project=auto` for a projection where the shape changes"
        raise LayerError("E0402", message, help, "project")
    narrow = prod(first.kernel) * before * channels
    rest = prod(middle.kernel) * channels // groups * wide + wide * after + (before * after if project else 0)
    norms = channels + wide + after + (after if project else 0)
    parts = ("first", "middle", "last", *(("shortcut",) if project else ()))
    return Applied(
        output=output,
        macs=narrow * prod(shape[1:]) + rest * prod(middle.output),
        params=narrow + rest + 2 * norms,
        code=ModuleCode(
            "Bottleneck",
            (
                Field("in_channels", before, positional=True),
                Field("channels", channels, positional=True),
                Field("wide", wide),
                Field("expand", arguments["expand"]),
                Field("kernel", middle.kernel),
                Field("first", first.kernel, ONE),
                Field("stride", arguments["stride"], ONE),
                Field("dilation", arguments["dilation"], ONE),
                Field("groups", groups, 1),
                Field("project", project),
                Field("start", arguments["start"], 1.0),
                activation_field(arguments),
            ),
            tensors(*(name for part in parts for name in (part, f"{part}_bn*"))),
        ),
        attributes=(("project", project),),
        warning=first.warning or middle.warning,
    )


LAYER = Layer(
    "bottleneck",
    "ResNet bottleneck: convolution `first` to `channels`, batch norm, activation; convolution `kernel` with the stride"
    " to `wide` channels, batch norm, activation; 1x1x1 convolution to expand * channels, batch norm; plus the input or"
    " its projection (1x1x1 convolution with the stride, batch norm); activation. No convolution has a bias",
    (
        Parameter("channels", "channels", doc="channels of the narrow part, or `same`"),
        Parameter("kernel", "sizes", (1, 3, 3), "kernel of the convolution in the middle, odd"),
        STRIDE,
        DILATION,
        Parameter("expand", "whole", 4, "output channels as a multiple of `channels`", low=1),
        Parameter(
            "wide",
            "channels",
            "same",
            "output channels of the convolution in the middle, or `same` as its input",
            same="channels",
        ),
        Parameter("first", "sizes", ONE, "kernel of the first convolution, odd; it has the dilation too"),
        Parameter(
            "project",
            "word",
            "auto",
            "projection of the input: `never`, `auto` (where the shape changes) or `always`",
            words=("never", "auto", "always"),
        ),
        Parameter(
            "groups", "channels", 1, "groups of the convolution in the middle, or `same` for depthwise", same="channels"
        ),
        activation(of="all activations"),
        Parameter("start", "real", 1.0, "initial weight of the last batch norm", low=0.0, high=1.0),
    ),
    apply,
)
