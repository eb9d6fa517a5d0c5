"""Convolution over frames, rows and columns, dense, in groups or depthwise."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.base import Applied, Arguments, Field, Layer, LayerError, ModuleCode, Parameter, Shape
from vnasdsl.layers.window import DILATION, ONE, PADDING, STRIDE, Window, window


def apply(arguments: Arguments, shape: Shape) -> Applied:
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
    fitting = [n for n in range(1, before + 1) if before % n == 0 and channels % n == 0]
    near = sorted(sorted(fitting, key=lambda n: abs(n - groups))[:4])
    help = f"numbers near it that divide both: {', '.join(map(str, near))}" if len(near) > 1 else None
    message = f"`{layer}` cannot split {' and '.join(undivided)} into {groups} groups"
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
