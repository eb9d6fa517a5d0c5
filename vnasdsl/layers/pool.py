"""Pooling over a window, and over everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vnasdsl.layers.base import (
    Applied,
    Field,
    FunctionCode,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    Value,
    need_map,
    show_value,
)
from vnasdsl.layers.window import PADDING, STRIDE, Sizes, Window, window


def pool(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    channels = need_map("pool", shape)[0]
    return Applied(output=(channels,), code=FunctionCode("{x}.mean(dim=(2, 3, 4))"))


def window_pool(name: str, module: str) -> Callable[[Mapping[str, Value], Shape, int], Applied]:
    """The rules of `max_pool` or `avg_pool`; `module` is their name in torch."""

    def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
        channels, frames, rows, columns = need_map(name, shape)
        size = (frames, rows, columns)
        frame = window(name, arguments, size)
        half = tuple(k // 2 for k in frame.kernel)
        if any(p > h for p, h in zip(frame.padding, half, strict=True)):
            message = f"`padding` of `{name}` must be at most half its kernel, found `{show_value(frame.padding)}`"
            raise LayerError("E0303", message, f"`{show_value(half)}` is the most, `padding=same` fits", "padding")
        return Applied(
            output=(channels, *frame.output(name, size)),
            code=pool_code(module, frame, size),
            attributes=(("kernel", frame.kernel), ("stride", frame.stride), ("padding", frame.shown_padding)),
            warning=frame.degenerate(size),
        )

    return apply


def pool_code(module: str, frame: Window, size: Sizes) -> ModuleCode:
    """torch's pooling, or the helper class that pads on its own where torch's does not do.

    That is where padding has one more cell at the end, and for means also where the window is larger than the input,
    which torch refuses however it is padded.
    """
    padding, end = frame.padding_fields
    own = not frame.symmetric
    if module == "AvgPool3d":
        own = own or any(k > n for k, n in zip(frame.kernel, size, strict=True))
    counted = (Field("count_include_pad", False, role="count", default=True),) if module == "AvgPool3d" else ()
    return ModuleCode(
        f"Padded{module}" if own else f"nn.{module}",
        (
            Field("kernel_size", frame.kernel, role="kernel", positional=True),
            Field("stride", frame.stride, role="stride"),
            padding,
            *((end,) if own else counted),
        ),
        (),
    )


WINDOW_PARAMETERS = (Parameter("kernel", "sizes", doc="window as frames x rows x columns"), STRIDE, PADDING)

POOL = Layer("pool", "global average pooling: the mean over frames, rows and columns, a vector (C,)", (), pool)
MAX_POOL = Layer("max_pool", "max pooling", WINDOW_PARAMETERS, window_pool("max_pool", "MaxPool3d"))
AVG_POOL = Layer(
    "avg_pool", "average pooling; padding does not count", WINDOW_PARAMETERS, window_pool("avg_pool", "AvgPool3d")
)
