"""Bottlenecks: a narrow convolution between two of 1x1x1, with a shortcut (He et al. 2016), and its 3-D relatives."""

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
from vnasdsl.layers.residual import NORM
from vnasdsl.layers.window import DILATION, STRIDE, Sizes, Window, window


def apply(arguments: Mapping[str, Value], shape: Shape, classes: int) -> Applied:
    """MACs and parameters of three convolutions and, where there is one, the projection; with their batch-norms."""
    before, *frames_rows_columns = need_map("bottleneck", shape)
    size: Sizes = tuple(frames_rows_columns)  # type: ignore[assignment]
    channels = before if arguments["channels"] == "same" else arguments["channels"]
    wide = channels if arguments["wide"] == "same" else arguments["wide"]
    after = channels * arguments["expand"]
    stride, dilation = arguments["stride"], arguments["dilation"]
    first = odd_window("bottleneck", "first", arguments["first"], (1, 1, 1), dilation, size)
    middle = odd_window("bottleneck", "kernel", arguments["kernel"], stride, dilation, size)
    out = middle.output("bottleneck", size)
    output = (after, *out)
    project = arguments["project"] == "always" or (arguments["project"] == "auto" and output != shape)
    if not project and output != shape:
        help = "write `project=auto` for a projection where the shape changes"
        raise LayerError("E0402", f"`bottleneck` adds {_shown(output)} to its input {_shown(shape)}", help, "project")
    narrow = prod(first.kernel) * before * channels
    rest = prod(middle.kernel) * channels * wide + wide * after + (before * after if project else 0)
    norms = channels + wide + after + (after if project else 0)
    tensors: list[str] = []
    for part in ("first", "middle", "last", *(("shortcut",) if project else ())):
        tensors += [f"{part}.weight", *(f"{part}_bn.{tensor}" for tensor in NORM)]
    return Applied(
        output=output,
        macs=narrow * prod(size) + rest * prod(out),
        params=narrow + rest + 2 * norms,
        code=ModuleCode(
            "Bottleneck",
            (
                Field("in_channels", before, role="in_channels", positional=True),
                Field("channels", channels, role="channels", positional=True),
                Field("wide", wide, role="wide"),
                Field("expand", arguments["expand"], role="expand"),
                Field("kernel", middle.kernel, role="kernel"),
                Field("first", first.kernel, role="first", default=(1, 1, 1)),
                Field("stride", stride, role="stride", default=(1, 1, 1)),
                Field("dilation", dilation, role="dilation", default=(1, 1, 1)),
                Field("project", project, role="project"),
                Field("start", arguments["start"], role="start", default=1.0),
            ),
            tuple(tensors),
        ),
        attributes=(
            ("channels", channels),
            ("kernel", middle.kernel),
            ("stride", stride),
            ("dilation", dilation),
            ("expand", arguments["expand"]),
            ("wide", wide),
            ("first", first.kernel),
            ("project", project),
            ("start", arguments["start"]),
        ),
        warning=first.degenerate(size) or middle.degenerate(size),
    )


def odd_window(layer: str, name: str, kernel: Sizes, stride: Sizes, dilation: Sizes, size: Sizes) -> Window:
    """A window with same padding; an axis along which the kernel is 1 has no dilation."""
    if any(k % 2 == 0 for k in kernel):
        message = f"`{name}` of `{layer}` must be odd along every axis, found `{show_value(kernel)}`"
        raise LayerError("E0303", message, "write the convolutions out for an even one", name)
    used = tuple(d if k > 1 else 1 for k, d in zip(kernel, dilation, strict=True))
    return window(layer, {"kernel": kernel, "stride": stride, "dilation": used, "padding": "same"}, size)


def _shown(shape: Shape) -> str:
    return " x ".join(map(str, shape))


LAYER = Layer(
    "bottleneck",
    "ResNet bottleneck: convolution `first` to `channels`, batch norm, ReLU; convolution `kernel` with the stride to"
    " `wide` channels, batch norm, ReLU; 1x1x1 convolution to expand * channels, batch norm; plus the input or its"
    " projection (1x1x1 convolution with the stride, batch norm); ReLU. No convolution has a bias",
    (
        Parameter("channels", "channels", doc="channels of the narrow part, or `same`"),
        Parameter("kernel", "sizes", (1, 3, 3), "kernel of the convolution in the middle, odd"),
        STRIDE,
        DILATION,
        Parameter("expand", "whole", 4, "output channels as a multiple of `channels`", low=1),
        Parameter(
            "wide", "channels", "same", "output channels of the convolution in the middle, or `same` as its input"
        ),
        Parameter("first", "sizes", (1, 1, 1), "kernel of the first convolution, odd; it has the dilation too"),
        Parameter(
            "project",
            "word",
            "auto",
            "projection of the input: `never`, `auto` (where the shape changes) or `always`",
            words=("never", "auto", "always"),
        ),
        Parameter("start", "real", 1.0, "initial weight of the last batch norm", low=0.0, high=1.0, rising=True),
    ),
    apply,
)
