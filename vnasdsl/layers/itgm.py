"""The inflated temporal Gaussian mixture layer of EvaNet.

Source: Piergiovanni et al. 2019, Evolving Space-Time Neural Architectures for Videos, with the formulas of its public
code, whose curves are Cauchy's where the paper has Gauss'.
"""

from __future__ import annotations

from math import prod

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape
from vnasdsl.layers.conv import conv_code
from vnasdsl.layers.window import ONE, PADDING, STRIDE, window


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the convolution with the whole kernel; making the kernel, once for all clips, is not counted.

    Parameters: a weight and `components` shares of the mixture for every pair of channels, and two numbers a component,
    whatever the length is. With a length of 1 it is the plain convolution, of its MACs, parameters and code.
    """
    before, channels, components = shape[0], arguments["channels"], arguments["components"]
    frame = window("itgm", arguments, shape)
    pairs = before * channels
    area = prod(frame.kernel[1:])
    plain = frame.kernel[0] == 1
    code = ModuleCode(
        "Itgm",
        (
            Field("in_channels", before, positional=True),
            Field("channels", channels, positional=True),
            Field("kernel", frame.kernel, positional=True),
            Field("components", components),
            Field("stride", frame.stride, ONE),
            *frame.padding_fields,
        ),
        ("spatial", "mixture", "centres", "widths"),
    )
    return Applied(
        output=(channels, *frame.output),
        macs=pairs * prod(frame.kernel) * prod(frame.output),
        params=pairs * area if plain else pairs * (area + components) + 2 * components,
        code=conv_code(before, channels, frame, 1, bias=False) if plain else code,
        attributes=(*frame.attributes, ("components", None if plain else components)),
        warning=frame.warning,
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
