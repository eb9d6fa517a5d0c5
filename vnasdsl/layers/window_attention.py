"""Attention in windows that may be shifted, with a relative position bias (Swin, Liu et al. 2021; Video Swin 2022)."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.attention import CHANNELS, HEADS, check_heads
from vnasdsl.layers.base import Applied, Arguments, Field, Layer, LayerError, ModuleCode, Parameter, Shape, show_value


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the projections and of both matrix products of each window, of the zeros around the map, too."""
    before, channels, heads = shape[0], arguments["channels"], arguments["heads"]
    window, shift = arguments["window"], arguments["shift"]
    check_heads("window_attention", heads, channels)
    if any(s >= w for w, s in zip(window, shift, strict=True)):
        message = f"`shift` of `window_attention` must be less than its window {show_value(window)}"
        help = f"half a window is usual: `{show_value(tuple(w // 2 for w in window))}`"
        raise LayerError("E0303", f"{message}, found `{show_value(shift)}`", help, "shift")
    used = tuple(min(w, n) for w, n in zip(window, shape[1:], strict=True))
    positions = prod(-(-n // w) * w for w, n in zip(used, shape[1:], strict=True))
    table = heads * prod(2 * w - 1 for w in window)
    return Applied(
        output=(channels, *shape[1:]),
        macs=positions * (3 * before + channels + 2 * prod(used)) * channels,
        params=table + (3 * before + channels + 4) * channels,
        code=ModuleCode(
            "WindowAttention",
            (
                Field("in_channels", before, positional=True),
                Field("channels", channels, positional=True),
                Field("heads", heads),
                Field("window", window),
                Field("shift", shift, (0, 0, 0)),
            ),
            ("bias", "qkv.weight", "qkv.bias", "out.weight", "out.bias"),
        ),
    )


LAYER = Layer(
    "window_attention",
    "self-attention inside windows, with a learned bias for each head and each offset between two positions. Along an"
    " axis that is no longer than the window, the window is the axis and is not shifted; a map that windows do not"
    " divide gets zeros at its ends, which take part (both as Swin). Shifted windows wrap around, and positions do not"
    " see those that the wrapping brought",
    (
        HEADS,
        Parameter("window", "sizes", doc="size of a window as frames x rows x columns"),
        Parameter("shift", "sizes", (0, 0, 0), "how far windows are shifted, less than their size", low=0),
        CHANNELS,
    ),
    apply,
)
