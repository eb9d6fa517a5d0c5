"""The operations of DARTS as pseudo-3D: depthwise in space, depthwise in time, then pointwise.

A reconstruction. Peng, Hong, Zhao 2019 (arXiv 1907.04632) search over pseudo-3D operators with DARTS and do not print
them. Here every k x k convolution of DARTS' separable and dilated ones is a 1 x k x k and then a k x 1 x 1 one, with
nothing between them. Everything else is as in DARTS (Liu et al. 2019): ReLU first, then the convolutions, then batch
norm. The separable one does all of that twice; its first half has the stride.
"""

from __future__ import annotations

from math import prod

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape, tensors
from vnasdsl.layers.window import ONE, STRIDE, Window, odd_window, window

TENSORS = tensors("space", "time", "point", "norm*")
SAME_ON_BOTH_SIDES = "its padding is the same on both sides"


def separable(arguments: Arguments, shape: Shape) -> Applied:
    before, channels = shape[0], arguments["channels"]
    frame = odd_window("separable", arguments, shape, SAME_ON_BOTH_SIDES)
    between = (before, *frame.output)
    second = window("separable", {"kernel": frame.kernel, "stride": ONE}, between)
    (first_macs, first_params), (macs, params) = _half(before, before, frame), _half(before, channels, second)
    return Applied(
        output=(channels, *frame.output),
        macs=first_macs + macs,
        params=first_params + params,
        code=ModuleCode(
            "Separable", _fields(before, channels, frame), tuple(f"{half}.{t}" for half in (0, 1) for t in TENSORS)
        ),
        warning=frame.warning,
    )


def dilated(arguments: Arguments, shape: Shape) -> Applied:
    before, channels = shape[0], arguments["channels"]
    frame = odd_window("dilated", arguments, shape, SAME_ON_BOTH_SIDES)
    macs, params = _half(before, channels, frame)
    dilation = Field("dilation", frame.dilation, ONE)
    return Applied(
        output=(channels, *frame.output),
        macs=macs,
        params=params,
        code=ModuleCode("Pseudo3d", (*_fields(before, channels, frame), dilation), TENSORS),
        warning=frame.warning,
    )


def _half(before: int, channels: int, frame: Window) -> tuple[int, int]:
    """MACs and parameters of a depthwise convolution in space, one in time, a pointwise one and batch norm."""
    out = frame.output
    length, area = frame.kernel[0], prod(frame.kernel[1:])
    macs = before * area * frame.size[0] * out[1] * out[2] + before * (length + channels) * prod(out)
    return macs, before * (area + length + channels) + 2 * channels


def _fields(before: int, channels: int, frame: Window) -> tuple[Field, ...]:
    return (
        Field("in_channels", before, positional=True),
        Field("channels", channels, positional=True),
        Field("kernel", frame.kernel, positional=True),
        Field("stride", frame.stride, ONE),
    )


CHANNELS = Parameter("channels", "channels", doc="output channels, or `same`")
KERNEL = Parameter("kernel", "sizes", doc="odd kernel: `3` is 1x3x3 and then 3x1x1")

SEPARABLE = Layer(
    "separable",
    "pseudo-3D version of DARTS' sep_conv (a reconstruction of Peng et al.): ReLU, depthwise 1xkxk, depthwise kx1x1,"
    " pointwise convolution, batch norm; then all of it again. The first half has the stride",
    (CHANNELS, KERNEL, STRIDE),
    separable,
)
DILATED = Layer(
    "dilated",
    "pseudo-3D version of DARTS' dil_conv (a reconstruction of Peng et al.): ReLU, depthwise 1xkxk, depthwise kx1x1,"
    " pointwise convolution, batch norm",
    (
        CHANNELS,
        KERNEL,
        STRIDE,
        Parameter("dilation", "sizes", (2, 2, 2), "dilation along frames, rows and columns"),
    ),
    dilated,
)
