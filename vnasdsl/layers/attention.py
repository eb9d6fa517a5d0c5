"""Self-attention of several heads (Vaswani et al. 2017): all positions of a clip together, frame by frame, or along
the frames (divided space-time attention of TimeSformer, Bertasius et al. 2021)."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.base import (
    Applied,
    Arguments,
    Field,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    show_shape,
    show_value,
    tensors,
)
from vnasdsl.layers.window import Sizes

HEADS = Parameter("heads", "whole", doc="heads; they must divide the channels", low=1)
CHANNELS = Parameter("channels", "channels", "same", "channels of queries, keys, values and output, or `same`")
GRID = Parameter(
    "grid",
    "sizes",
    "same",
    "frames x rows x columns of the positions after a class token; `same` without one",
    words=("same",),
)
OVER = ("joint", "spatial", "temporal")


def apply(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the projections and of both matrix products of each group of positions."""
    before, channels, heads, over = shape[0], arguments["channels"], arguments["heads"], arguments["over"]
    check_heads("attention", heads, channels)
    tokens, (frames, rows, columns) = tokens_and_grid("attention", arguments["grid"], shape)
    groups, members = {
        "joint": (1, frames * rows * columns),
        "spatial": (frames, rows * columns),
        "temporal": (rows * columns, frames),
    }[over]
    positions = prod(shape[1:])
    projections = positions * (3 * before + channels) * channels
    return Applied(
        output=(channels, *shape[1:]),
        macs=projections + 2 * groups * (tokens + members) ** 2 * channels,
        params=(3 * before + channels + 4) * channels,
        code=ModuleCode(
            "Attention",
            (
                Field("in_channels", before, positional=True),
                Field("channels", channels, positional=True),
                Field("heads", heads),
                Field("over", over, "joint"),
                Field("grid", (frames, rows, columns) if tokens else None),
            ),
            tensors("qkv+", "out+"),
        ),
        attributes=(("grid", (frames, rows, columns) if tokens else "same"),),
    )


def check_heads(layer: str, heads: int, channels: int) -> None:
    """Raises: LayerError E0404 for heads of unequal width."""
    if channels % heads:
        fitting = [n for n in range(1, channels + 1) if channels % n == 0]
        near = sorted(sorted(fitting, key=lambda n: abs(n - heads))[:4])
        help = f"numbers near it that divide {channels}: {', '.join(map(str, near))}" if len(near) > 1 else None
        raise LayerError("E0404", f"`{layer}` cannot split {channels} channels into {heads} heads", help, "heads")


def tokens_and_grid(layer: str, grid: Sizes | str, shape: Shape) -> tuple[int, Sizes]:
    """1 if a class token comes before the positions or 0, and the sizes of the map that the positions are.

    Raises: LayerError E0411 where the input has no such positions.
    """
    size: Sizes = shape[1:]  # type: ignore[assignment]
    if grid in ("same", size):
        return 0, size
    assert not isinstance(grid, str)
    positions = prod(grid)
    if size == (1, 1, 1 + positions):
        return 1, grid
    message = f"`grid={show_value(grid)}` of `{layer}` is {positions:,} positions, the input is {show_shape(shape)}"
    help = "`grid` holds the frames, rows and columns of the map before `class_token`"
    raise LayerError("E0411", message, help, "grid")


LAYER = Layer(
    "attention",
    "self-attention of several heads: queries, keys and values by a linear layer with bias, softmax(q' k /"
    " sqrt(channels / heads)) v between positions, and another linear layer with bias. A class token is seen by every"
    " group of positions and sees all: its output is the mean over the groups",
    (
        HEADS,
        CHANNELS,
        Parameter(
            "over",
            "word",
            "joint",
            "positions that see each other: `joint` (all), `spatial` (of a frame) or `temporal` (of a row and column)",
            words=OVER,
        ),
        GRID,
    ),
    apply,
)
