"""Wide depthwise convolution between two narrow ends: the inverted bottleneck (Sandler et al. 2018) along T, H, W."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from vnasdsl.layers.base import Applied, Field, Layer, ModuleCode, Parameter, Shape, Value, need_map
from vnasdsl.layers.bottleneck import odd_window
from vnasdsl.layers.residual import NORM
from vnasdsl.layers.window import DILATION, STRIDE, Sizes


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """MACs and parameters of the three convolutions, with their batch-norms."""
    before, *frames_rows_columns = need_map("inverted_bottleneck", shape)
    size: Sizes = tuple(frames_rows_columns)  # type: ignore[assignment]
    channels = before if arguments["channels"] == "same" else arguments["channels"]
    wide = before * arguments["expand"]
    stride, dilation = arguments["stride"], arguments["dilation"]
    middle = odd_window("inverted_bottleneck", "kernel", arguments["kernel"], stride, dilation, size)
    out = middle.output("inverted_bottleneck", size)
    shortcut = arguments["shortcut"] and (channels, *out) == shape
    ends = wide * prod(middle.kernel) + wide * channels
    tensors: list[str] = []
    for part in ("first", "middle", "last"):
        tensors += [f"{part}.weight", *(f"{part}_bn.{tensor}" for tensor in NORM)]
    return Applied(
        output=(channels, *out),
        macs=before * wide * prod(size) + ends * prod(out),
        params=before * wide + ends + 2 * (2 * wide + channels),
        code=ModuleCode(
            "InvertedBottleneck",
            (
                Field("in_channels", before, role="in_channels", positional=True),
                Field("channels", channels, role="channels", positional=True),
                Field("expand", arguments["expand"], role="expand"),
                Field("kernel", middle.kernel, role="kernel"),
                Field("stride", stride, role="stride", default=(1, 1, 1)),
                Field("dilation", dilation, role="dilation", default=(1, 1, 1)),
                Field("shortcut", shortcut, role="shortcut"),
                Field("act", arguments["act"], role="act"),
            ),
            tuple(tensors),
        ),
        attributes=(
            ("channels", channels),
            ("kernel", middle.kernel),
            ("stride", stride),
            ("dilation", dilation),
            ("expand", arguments["expand"]),
            ("act", arguments["act"]),
            ("shortcut", shortcut),
        ),
        warning=middle.degenerate(size),
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
