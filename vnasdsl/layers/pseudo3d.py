"""The operations of DARTS made pseudo-3D: depthwise in space, depthwise in time, then pointwise.

A reconstruction. Peng, Hong, Zhao 2019 (arXiv 1907.04632) search over pseudo-3D operators with DARTS and do not print
them. Here every k x k convolution of DARTS' separable and dilated ones is a 1 x k x k and then a k x 1 x 1 one, with
nothing between them. Everything else is as in DARTS (Liu et al. 2019): ReLU in front, the pointwise convolution and the
batch normalisation behind, and all of that twice in the separable one, whose first half has the stride.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from vnasdsl.layers.base import (
    Applied,
    Field,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    Value,
    need_map,
    show_value,
)
from vnasdsl.layers.window import STRIDE, Sizes, Window, window

TENSORS = (
    "space.weight",
    "time.weight",
    "point.weight",
    *(f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")),
)
ONE = (1, 1, 1)


def separable(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    before, channels, frame, size = _read("separable", arguments, shape)
    first = _half(before, before, frame, size)
    out = frame.output("separable", size)
    second = _half(before, channels, Window(frame.kernel, ONE, ONE, frame.padding), out)
    return Applied(
        output=(channels, *out),
        macs=first[0] + second[0],
        params=first[1] + second[1],
        code=ModuleCode(
            "Separable", _fields(before, channels, frame), tuple(f"{half}.{t}" for half in (0, 1) for t in TENSORS)
        ),
        attributes=(("channels", channels), ("kernel", frame.kernel), ("stride", frame.stride)),
        warning=frame.degenerate(size),
    )


def dilated(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    before, channels, frame, size = _read("dilated", arguments, shape)
    macs, params = _half(before, channels, frame, size)
    dilation = Field("dilation", frame.dilation, role="dilation", default=ONE)
    return Applied(
        output=(channels, *frame.output("dilated", size)),
        macs=macs,
        params=params,
        code=ModuleCode("Pseudo3d", (*_fields(before, channels, frame), dilation), TENSORS),
        attributes=(
            ("channels", channels),
            ("kernel", frame.kernel),
            ("stride", frame.stride),
            ("dilation", frame.dilation),
        ),
        warning=frame.degenerate(size),
    )


def _read(name: str, arguments: Mapping[str, Value], shape: Shape) -> tuple[int, int, Window, Sizes]:
    """Channels that come in and go out, the window, and frames, rows and columns that come in."""
    before, frames, rows, columns = need_map(name, shape)
    channels = before if arguments["channels"] == "same" else arguments["channels"]
    kernel = arguments["kernel"]
    if any(k % 2 == 0 for k in kernel):
        message = f"`kernel` of `{name}` must be odd along every axis, found `{show_value(kernel)}`"
        raise LayerError("E0303", message, "its padding is the same on both sides", "kernel")
    size = (frames, rows, columns)
    return before, channels, window(name, {**arguments, "padding": "same"}, size), size


def _half(before: int, channels: int, frame: Window, size: Sizes) -> tuple[int, int]:
    """MACs and parameters of a depthwise convolution in space, one in time, a pointwise one and batch normalisation."""
    out = frame.output("separable", size)
    length, area = frame.kernel[0], prod(frame.kernel[1:])
    macs = before * area * size[0] * out[1] * out[2] + before * (length + channels) * prod(out)
    return macs, before * (area + length + channels) + 2 * channels


def _fields(before: int, channels: int, frame: Window) -> tuple[Field, ...]:
    return (
        Field("in_channels", before, role="in_channels", positional=True),
        Field("channels", channels, role="channels", positional=True),
        Field("kernel", frame.kernel, role="kernel", positional=True),
        Field("stride", frame.stride, role="stride", default=ONE),
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
