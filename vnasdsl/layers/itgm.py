"""The inflated temporal Gaussian mixture layer of EvaNet.

Source: Piergiovanni et al. 2019, Evolving Space-Time Neural Architectures for Videos, with the formulas of its public
code (whose curves are Cauchy's, where the paper's text has Gauss').
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from vnasdsl.layers.base import Applied, Field, Layer, ModuleCode, Parameter, Shape, Value, need_map
from vnasdsl.layers.conv import conv_code
from vnasdsl.layers.window import PADDING, STRIDE, window


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """MACs of the convolution with the whole kernel; making the kernel, once for all clips, is not counted.

    Parameters: a weight and `components` shares of the mixture for every pair of channels, and two numbers a component,
    whatever the length is. With a length of 1 it is the plain convolution, of its MACs, parameters and code.
    """
    before, frames, rows, columns = need_map("itgm", shape)
    channels = before if arguments["channels"] == "same" else arguments["channels"]
    components = arguments["components"]
    size = (frames, rows, columns)
    frame = window("itgm", arguments, size)
    out = frame.output("itgm", size)
    pairs = before * channels
    area = prod(frame.kernel[1:])
    plain = frame.kernel[0] == 1
    padding, end = frame.padding_fields
    code = ModuleCode(
        "Itgm",
        (
            Field("in_channels", before, role="in_channels", positional=True),
            Field("channels", channels, role="channels", positional=True),
            Field("kernel", frame.kernel, role="kernel", positional=True),
            Field("components", components, role="components"),
            Field("stride", frame.stride, role="stride", default=(1, 1, 1)),
            padding,
            end,
        ),
        ("spatial", "mixture", "centres", "widths"),
    )
    return Applied(
        output=(channels, *out),
        macs=pairs * prod(frame.kernel) * prod(out),
        params=pairs * area if plain else pairs * (area + components) + 2 * components,
        code=conv_code(before, channels, frame, 1, bias=False) if plain else code,
        attributes=(
            ("channels", channels),
            ("kernel", frame.kernel),
            ("stride", frame.stride),
            ("padding", frame.shown_padding),
            *(() if plain else (("components", components),)),
        ),
        warning=frame.degenerate(size),
    )


LAYER = Layer(
    "itgm",
    "convolution whose temporal kernel is a mixture of curves (iTGM of EvaNet); plain if its temporal length is 1",
    (
        Parameter("channels", "channels", doc="output channels, or `same`"),
        Parameter("kernel", "sizes", doc="temporal length x rows x columns; the length adds no parameters"),
        STRIDE,
        PADDING,
        Parameter("components", "whole", 4, "curves in a mixture", low=1),
    ),
    apply,
)
