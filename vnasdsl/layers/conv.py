"""Convolutions over frames, rows and columns: dense, in groups, depthwise, and in parts."""

from __future__ import annotations

from math import gcd, prod

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
    divisors,
    tensors,
)
from vnasdsl.layers.window import DILATION, ONE, PADDING, STRIDE, Window, odd_window, window


def conv(arguments: Arguments, shape: Shape) -> Applied:
    """MACs = output positions x output channels x input channels per group x kernel volume."""
    before, channels, groups, bias = shape[0], arguments["channels"], arguments["groups"], arguments["bias"]
    if before % groups or channels % groups:
        raise no_groups("conv", groups, before, channels)
    frame = window("conv", arguments, shape)
    weights = channels * (before // groups) * prod(frame.kernel)
    return Applied(
        output=(channels, *frame.output),
        macs=weights * prod(frame.output),
        params=weights + (channels if bias else 0),
        code=conv_code(before, channels, frame, groups, bias),
        attributes=frame.attributes,
        warning=frame.warning,
    )


def depthwise(arguments: Arguments, shape: Shape) -> Applied:
    """MACs = output positions x channels x kernel volume."""
    channels, frame = shape[0], window("depthwise", arguments, shape)
    weights = channels * prod(frame.kernel)
    return Applied(
        output=(channels, *frame.output),
        macs=weights * prod(frame.output),
        params=weights,
        code=conv_code(channels, channels, frame, channels, bias=False),
        attributes=frame.attributes,
        warning=frame.warning,
    )


def conv_code(before: int, channels: int, frame: Window, groups: int, bias: bool) -> ModuleCode:
    """torch's convolution, or the helper class where padding differs between both sides of an axis."""
    padding, *uneven = frame.padding_fields
    return ModuleCode(
        "nn.Conv3d" if frame.symmetric else "PaddedConv3d",
        (
            Field("in_channels", before, positional=True),
            Field("out_channels", channels, positional=True),
            Field("kernel_size", frame.kernel, positional=True),
            Field("stride", frame.stride, ONE),
            padding,
            *(() if frame.symmetric else uneven),
            Field("dilation", frame.dilation, ONE),
            Field("groups", groups, 1),
            Field("bias", bias, True),
        ),
        ("weight", "bias") if bias else ("weight",),
    )


def no_groups(layer: str, groups: int, before: int, channels: int) -> LayerError:
    undivided = [f"{n} {side} channels" for n, side in ((before, "input"), (channels, "output")) if n % groups]
    message = f"`{layer}` cannot split {' and '.join(undivided)} into {groups} groups"
    return LayerError("E0404", message, divisors(gcd(before, channels), groups, "both"), "groups")


CONV = Layer(
    "conv",
    "3-D convolution over frames, rows and columns; no bias by default, because batch norm follows",
    (
        Parameter("channels", "outputs", doc="output channels, `same` or `classes`"),
        Parameter("kernel", "sizes", doc="kernel as frames x rows x columns, such as `1x3x3`"),
        STRIDE,
        DILATION,
        PADDING,
        Parameter("groups", "channels", 1, "groups of channels, or `same` for one group per channel (depthwise)"),
        Parameter("bias", "flag", False, "add a bias to every output channel"),
    ),
    conv,
)
DEPTHWISE = Layer(
    "depthwise",
    "depthwise convolution without bias, the same as `conv(same, kernel, groups=same)`",
    (Parameter("kernel", "sizes", doc="kernel as frames x rows x columns, such as `1x3x3`"), STRIDE, DILATION, PADDING),
    depthwise,
)


# ----------------------- a convolution in space and one in time in place of one in both
# Sources: Tran et al. 2018, A Closer Look at Spatiotemporal Convolutions for Action Recognition (space first, matched
# width between them); Piergiovanni et al. 2019, Evolving Space-Time Neural Architectures for Videos (time first, half).


def conv2plus1(arguments: Arguments, shape: Shape) -> Applied:
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


CONV2PLUS1 = Layer(
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
    conv2plus1,
)


# ------------------------------- the inflated temporal Gaussian mixture layer of EvaNet
# Source: Piergiovanni et al. 2019, Evolving Space-Time Neural Architectures for Videos, with the formulas of its public
# code, whose curves are Cauchy's where the paper has Gauss'.


def itgm(arguments: Arguments, shape: Shape) -> Applied:
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


ITGM = Layer(
    "itgm",
    "convolution whose temporal kernel is a mixture of curves (iTGM of EvaNet); plain if its temporal length is 1",
    (
        Parameter("channels", "channels", doc="output channels, or `same`"),
        Parameter("kernel", "sizes", doc="temporal length x rows x columns; the length adds no parameters"),
        STRIDE,
        PADDING,
        Parameter("components", "whole", 4, "curves in a mixture", low=1),
    ),
    itgm,
)


# ------------------------------------------------- the operations of DARTS as pseudo-3D
# A reconstruction. Peng, Hong, Zhao 2019 (arXiv 1907.04632) search over pseudo-3D operators with DARTS and do not print
# them. Here every k x k convolution of DARTS' separable and dilated ones is a 1 x k x k and then a k x 1 x 1 one, with
# nothing between them. Everything else is as in DARTS (Liu et al. 2019): ReLU first, then the convolutions, then batch
# norm. The separable one does all of that twice; its first half has the stride.

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
