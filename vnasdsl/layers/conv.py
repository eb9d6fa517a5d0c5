"""Convolution over frames, rows and columns, of all channels or of every channel on its own."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from vnasdsl.layers.base import Applied, Field, Layer, LayerError, ModuleCode, Parameter, Shape, Value, need_map
from vnasdsl.layers.window import DILATION, PADDING, STRIDE, Window, window


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """MACs = output positions x output channels x input channels per group x kernel volume."""
    before, frames, rows, columns = need_map("conv", shape)
    channels = arguments["channels"]
    if channels in ("same", "classes"):
        channels = before if channels == "same" else classes
    groups = before if arguments["groups"] == "same" else arguments["groups"]
    if before % groups or channels % groups:
        raise _no_groups(groups, before, channels)
    size = (frames, rows, columns)
    frame = window("conv", arguments, size)
    out = frame.output("conv", size)
    weights = channels * (before // groups) * prod(frame.kernel)
    bias = arguments["bias"]
    return Applied(
        output=(channels, *out),
        macs=weights * prod(out),
        params=weights + (channels if bias else 0),
        code=conv_code(before, channels, frame, groups, bias),
        attributes=(
            ("channels", channels),
            ("kernel", frame.kernel),
            ("stride", frame.stride),
            ("dilation", frame.dilation),
            ("padding", frame.shown_padding),
            ("groups", groups),
            ("bias", bias),
        ),
        warning=frame.degenerate(size),
    )


def depthwise(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """MACs = output positions x channels x kernel volume."""
    channels, frames, rows, columns = need_map("depthwise", shape)
    size = (frames, rows, columns)
    frame = window("depthwise", arguments, size)
    out = frame.output("depthwise", size)
    weights = channels * prod(frame.kernel)
    return Applied(
        output=(channels, *out),
        macs=weights * prod(out),
        params=weights,
        code=conv_code(channels, channels, frame, channels, bias=False),
        attributes=(
            ("kernel", frame.kernel),
            ("stride", frame.stride),
            ("dilation", frame.dilation),
            ("padding", frame.shown_padding),
        ),
        warning=frame.degenerate(size),
    )


def conv_code(before: int, channels: int, frame: Window, groups: int, bias: bool) -> ModuleCode:
    """torch's convolution, or the helper class where padding has one more cell at the end."""
    one = (1, 1, 1)
    padding, end = frame.padding_fields
    return ModuleCode(
        "nn.Conv3d" if frame.symmetric else "PaddedConv3d",
        (
            Field("in_channels", before, role="in_channels", positional=True),
            Field("out_channels", channels, role="channels", positional=True),
            Field("kernel_size", frame.kernel, role="kernel", positional=True),
            Field("stride", frame.stride, role="stride", default=one),
            padding,
            *(() if frame.symmetric else (end,)),
            Field("dilation", frame.dilation, role="dilation", default=one),
            Field("groups", groups, role="groups", default=1),
            Field("bias", bias, role="bias", default=True),
        ),
        ("weight", "bias") if bias else ("weight",),
    )


def _no_groups(groups: int, before: int, channels: int) -> LayerError:
    undivided = [f"{n} {side} channels" for n, side in ((before, "input"), (channels, "output")) if n % groups]
    fitting = [n for n in range(1, before + 1) if before % n == 0 and channels % n == 0]
    near = sorted(sorted(fitting, key=lambda n: abs(n - groups))[:4])
    help = f"numbers near it that divide both: {', '.join(map(str, near))}" if len(near) > 1 else None
    message = f"`conv` cannot split {' and '.join(undivided)} into {groups} groups"
    return LayerError("E0404", message, help, "groups")


LAYER = Layer(
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
    apply,
)
DEPTHWISE = Layer(
    "depthwise",
    "depthwise convolution without bias, the same as `conv(same, kernel, groups=same)`",
    (Parameter("kernel", "sizes", doc="kernel as frames x rows x columns, such as `1x3x3`"), STRIDE, DILATION, PADDING),
    depthwise,
)
