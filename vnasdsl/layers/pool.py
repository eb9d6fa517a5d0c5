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
from vnasdsl.layers.window import window


def pool(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    channels = need_map("pool", shape)[0]
    return Applied(output=(channels,), code=FunctionCode("{x}.mean(dim=(2, 3, 4))"))


def window_pool(name: str, callee: str) -> Callable[[Mapping[str, Value], Shape, int], Applied]:
    def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
        channels, *size = need_map(name, shape)
        stride = arguments["kernel"] if arguments["stride"] == "kernel" else arguments["stride"]
        frame = window(name, arguments["kernel"], stride, (1, 1, 1), arguments["padding"])
        half = tuple(k // 2 for k in frame.kernel)
        if any(p > h for p, h in zip(frame.padding, half, strict=True)):
            message = f"`padding` of `{name}` must be at most half its kernel, found `{show_value(frame.padding)}`"
            raise LayerError("E0303", message, f"`{show_value(half)}` is the most, `padding=same` fits", "padding")
        sizes = (size[0], size[1], size[2])
        if name == "avg_pool" and any(k > n for k, n in zip(frame.kernel, sizes, strict=True)):  # padded or not
            message = f"`{name}` has a window of {show_value(frame.kernel)} on an input of {show_value(sizes)}"
            raise LayerError("E0401", message, "torch averages over no window larger than its input", "kernel")
        counted = (Field("count_include_pad", False, role="count", default=True),) if name == "avg_pool" else ()
        return Applied(
            output=(channels, *frame.output(name, sizes)),
            code=ModuleCode(
                callee,
                (
                    Field("kernel_size", frame.kernel, role="kernel", positional=True),
                    Field("stride", frame.stride, role="stride"),
                    Field("padding", frame.padding, role="padding", default=(0, 0, 0)),
                    *counted,
                ),
                (),
            ),
            attributes=(("kernel", frame.kernel), ("stride", frame.stride), ("padding", frame.padding)),
            warning=frame.degenerate(sizes),
        )

    return apply


WINDOW_PARAMETERS = (
    Parameter("kernel", "sizes", doc="window as frames x rows x columns"),
    Parameter("stride", "sizes", (1, 1, 1), "stride along frames, rows and columns"),
    Parameter("padding", "padding", "same", "`same` (output is ceil(input / stride)), `valid`, or sizes"),
)

POOL = Layer("pool", "mean over frames, rows and columns: a vector is left", (), pool)
MAX_POOL = Layer("max_pool", "largest value of a window", WINDOW_PARAMETERS, window_pool("max_pool", "nn.MaxPool3d"))
AVG_POOL = Layer(
    "avg_pool", "mean of a window, padding not counted", WINDOW_PARAMETERS, window_pool("avg_pool", "nn.AvgPool3d")
)
