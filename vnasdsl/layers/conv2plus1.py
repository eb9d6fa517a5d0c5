"""A convolution in space and one in time in the place of one in both.

Sources: Tran et al. 2018, A Closer Look at Spatiotemporal Convolutions for Action Recognition (space first, the width
between them matched); Piergiovanni et al. 2019, Evolving Space-Time Neural Architectures for Videos (time first, half).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from vnasdsl.layers.base import Applied, Field, Layer, ModuleCode, Parameter, Shape, Value, need_map
from vnasdsl.layers.window import DILATION, PADDING, STRIDE, window


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """MACs of both convolutions; their weights and those of the batch normalisation, two for every channel between.

    The part in time has the first size of kernel, stride, dilation and padding, the part in space the other two.
    """
    before, *size = need_map("conv2plus1", shape)
    channels = before if arguments["channels"] == "same" else arguments["channels"]
    inner = (size[0], size[1], size[2])
    frame = window("conv2plus1", arguments, inner)
    frames, rows, columns = frame.output("conv2plus1", inner)
    time_first = arguments["order"] == "time_first"
    length, area = frame.kernel[0], prod(frame.kernel[1:])
    first, second = (length, area) if time_first else (area, length)
    between = prod((frames, *size[1:]) if time_first else (size[0], rows, columns))
    mid = width_between(arguments["mid"], before, channels, first, second)
    padding, end = frame.padding_fields
    one = (1, 1, 1)
    return Applied(
        output=(channels, frames, rows, columns),
        macs=first * before * mid * between + second * mid * channels * frames * rows * columns,
        params=first * before * mid + 2 * mid + second * mid * channels,
        code=ModuleCode(
            "Conv2Plus1",
            (
                Field("in_channels", before, role="in_channels", positional=True),
                Field("mid", mid, role="mid", positional=True),
                Field("channels", channels, role="channels", positional=True),
                Field("kernel", frame.kernel, role="kernel", positional=True),
                Field("stride", frame.stride, role="stride", default=one),
                padding,
                end,
                Field("dilation", frame.dilation, role="dilation", default=one),
                Field("time_first", time_first, role="time_first", default=False),
            ),
            (
                "first.weight",
                *(f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")),
                "second.weight",
            ),
        ),
        attributes=(
            ("channels", channels),
            ("kernel", frame.kernel),
            ("stride", frame.stride),
            ("dilation", frame.dilation),
            ("padding", frame.shown_padding),
            ("order", arguments["order"]),
            ("mid", mid),
        ),
        warning=frame.degenerate(inner),
    )


def width_between(rule: str, before: int, channels: int, first: int, second: int) -> int:
    """Channels between two convolutions of `first` and `second` weights a pair of channels; at least 1.

    `matched` gives both together as many weights as one convolution over first * second positions has, rounded down.
    """
    if rule == "equal":
        return channels
    if rule == "half":
        return max(channels // 2, 1)
    return max(first * second * before * channels // (first * before + second * channels), 1)


LAYER = Layer(
    "conv2plus1",
    "(2+1)-D convolution: one in space and one in time, without bias, with batch norm and ReLU in between",
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
    ),
    apply,
)
