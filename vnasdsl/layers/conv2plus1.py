"""A convolution in space and one in time in place of one in both.

Sources: Tran et al. 2018, A Closer Look at Spatiotemporal Convolutions for Action Recognition (space first, matched
width between them); Piergiovanni et al. 2019, Evolving Space-Time Neural Architectures for Videos (time first, half).
"""

from __future__ import annotations

from math import prod

from vnasdsl.layers.activation import activation, activation_field
from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape, tensors
from vnasdsl.layers.window import DILATION, ONE, PADDING, STRIDE, window


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of both convolutions; their weights and two for every channel between them (batch norm).

    The part in time has the first size of kernel, stride, dilation and padding, the part in space the other two.
    """
    before, channels = shape[0], arguments["channels"]
    frame = window("conv2plus1", arguments, shape)
    frames, rows, columns = frame.output
    time_first = arguments["order"] == "time_first"
    length, area = frame.kernel[0], prod(frame.kernel[1:])
    first, second = (length, area) if time_first else (area, length)
    between = prod((frames, *shape[2:]) if time_first else (shape[1], rows, columns))
    mid = width_between(arguments["mid"], before, channels, first, second)
    return Applied(
        output=(channels, frames, rows, columns),
        macs=first * before * mid * between + second * mid * channels * frames * rows * columns,
        params=first * before * mid + 2 * mid + second * mid * channels,
        code=ModuleCode(
            "Conv2Plus1",
            (
                Field("in_channels", before, positional=True),
                Field("mid", mid, positional=True),
                Field("channels", channels, positional=True),
                Field("kernel", frame.kernel, positional=True),
                Field("stride", frame.stride, ONE),
                *frame.padding_fields,
                Field("dilation", frame.dilation, ONE),
                Field("time_first", time_first, False),
                activation_field(arguments),
            ),
            tensors("first", "norm*", "second"),
        ),
        attributes=(*frame.attributes, ("mid", mid)),
        warning=frame.warning,
    )


def width_between(rule: str, before: int, channels: int, first: int, second: int) -> int:
    """Channels between two convolutions with kernels of `first` and `second` cells; at least 1.

    `matched` gives both together as many weights as one convolution with a kernel of first * second cells, rounded
    down.
    """
    if rule == "equal":
        return channels
    if rule == "half":
        return max(channels // 2, 1)
    return max(first * second * before * channels // (first * before + second * channels), 1)


LAYER = Layer(
    "conv2plus1",
    "(2+1)-D convolution: one in space and one in time, without bias, with batch norm and an activation in between",
    (
        Parameter("channels", "channels", doc="output channels, or `same`"),
        Parameter("kernel", "sizes", doc="kernel as frames x rows x columns; `3x5x5` becomes 1x5x5 and 3x1x1"),
        STRIDE,
        DILATION,
        PADDING,
        Parameter(
            "order",
            "word",
            "space_first",
            "`space_first`, or `time_first` (EvaNet)",
            words=("space_first", "time_first"),
        ),
        Parameter(
            "mid",
            "word",
            "matched",
            "channels between: `equal` to the output's, `half` of them, or `matched` (as many weights as a convolution"
            " in space and time has, as R(2+1)D)",
            words=("equal", "half", "matched"),
        ),
        activation(of="activation in between"),
    ),
    apply,
)
