"""Pooling over a window, and over everything."""

from __future__ import annotations

from collections.abc import Callable

from vnasdsl.layers.base import (
    Applied,
    Arguments,
    Field,
    FunctionCode,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    show_value,
)
from vnasdsl.layers.window import PADDING, STRIDE, Window, window


def pool(arguments: Arguments, shape: Shape) -> Applied:
    return Applied(output=shape[:1], code=FunctionCode("{x}.mean(dim=(2, 3, 4))"))


def window_pool(name: str, module: str) -> Callable[[Arguments, Shape], Applied]:
    """The rule of `max_pool` or `avg_pool`; `module` is its name in torch."""

    def rule(arguments: Arguments, shape: Shape) -> Applied:
        frame = window(name, arguments, shape)
        half = tuple(k // 2 for k in frame.kernel)
        sides = zip(frame.sides, frame.kernel, strict=True)
        if any(p > h for p, h in zip(frame.padding, half, strict=True)) or any(max(side) >= k for side, k in sides):
            given = arguments["padding"]
            message = f"`padding` of `{name}` must be at most half its kernel, found `{show_value(given)}`"
            raise LayerError("E0303", message, f"`{show_value(half)}` is the most, `padding=same` fits", "padding")
        return Applied(
            output=(shape[0], *frame.output),
            code=pool_code(module, frame),
            attributes=frame.attributes,
            warning=frame.warning,
        )

    return rule


def pool_code(module: str, frame: Window) -> ModuleCode:
    """torch's pooling, or the helper class that pads on its own where torch's cannot.

    That is where padding differs between both sides of an axis, and for means also where the window is larger than
    the input, which torch rejects however it is padded.
    """
    padding, *uneven = frame.padding_fields
    own = not frame.symmetric
    if module == "AvgPool3d":
        own = own or any(k > n for k, n in zip(frame.kernel, frame.size, strict=True))
    counted = (Field("count_include_pad", False, True),) if module == "AvgPool3d" else ()
    return ModuleCode(
        f"Padded{module}" if own else f"nn.{module}",
        (
            Field("kernel_size", frame.kernel, positional=True),
            Field("stride", frame.stride),
            padding,
            *(uneven if own else counted),
        ),
        (),
    )


WINDOW_PARAMETERS = (Parameter("kernel", "sizes", doc="window as frames x rows x columns"), STRIDE, PADDING)

POOL = Layer("pool", "global average pooling: the mean over frames, rows and columns, a vector (C,)", (), pool)
MAX_POOL = Layer("max_pool", "max pooling", WINDOW_PARAMETERS, window_pool("max_pool", "MaxPool3d"))
AVG_POOL = Layer(
    "avg_pool", "average pooling; padding does not count", WINDOW_PARAMETERS, window_pool("avg_pool", "AvgPool3d")
)
