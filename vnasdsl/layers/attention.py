"""Self-attention of several heads (Vaswani et al. 2017): all positions of a clip together, frame by frame, or along
the frames (divided space-time attention of TimeSformer, Bertasius et al. 2021).
"""

from __future__ import annotations

from math import prod

from vnasdsl.layers.base import (
    Applied,
    Arguments,
    Body,
    BodyCode,
    Field,
    FunctionCode,
    Layer,
    LayerError,
    ModuleCode,
    Parameter,
    Shape,
    divisors,
    need_map,
    show_shape,
    show_value,
    tensors,
)
from vnasdsl.layers.window import ONE, Sizes, odd_window

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


def attention(arguments: Arguments, shape: Shape) -> Applied:
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
        message = f"`{layer}` cannot split {channels} channels into {heads} heads"
        raise LayerError("E0404", message, divisors(channels, heads), "heads")


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


ATTENTION = Layer(
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
    attention,
)


# ------------------------------------- windows (Swin, Liu et al. 2021; Video Swin 2022)


def window_attention(arguments: Arguments, shape: Shape) -> Applied:
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


WINDOW_ATTENTION = Layer(
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
    window_attention,
)


# --------------------
# Attention between pooled positions (MViT, Fan et al. 2021), with MViTv2's relative positions and residual (Li et al.
# 2022).


def pooled_attention(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the projections, of the pooling convolutions, of both matrix products and of the relative positions."""
    before, channels, heads = shape[0], arguments["channels"], arguments["heads"]
    check_heads("pooled_attention", heads, channels)
    token, grid = tokens_and_grid("pooled_attention", arguments["grid"], shape)
    q, kv = (_pooled(arguments, side, grid) for side in ("q", "kv"))
    width = channels // heads
    macs = 3 * before * channels * prod(shape[1:])
    params = 3 * (before + 1) * channels + (channels + 1) * channels
    names = ["qkv+", "out+"]
    for part, side, size in (("q", "q", q), ("k", "kv", kv), ("v", "kv", kv)):
        if _pools(arguments, side):
            kernel = prod(arguments[f"kernel_{side}"])
            macs += channels * kernel * prod(size)
            params += width * (kernel + 2)
            names += [f"pool_{part}.conv", f"pool_{part}.norm+"]
    asked, known = token + prod(q), token + prod(kv)
    macs += 2 * asked * known * channels + asked * channels**2
    relative = arguments["relative"]
    if relative:
        macs += prod(q) * channels * sum(kv)
        params += width * sum(2 * max(sizes) - 1 for sizes in zip(q, kv, strict=True))
    row = (1, 1, 1 + prod(q))
    return Applied(
        output=(channels, *(row if token else q)),
        macs=macs,
        params=params,
        code=ModuleCode(
            "PooledAttention",
            (
                Field("in_channels", before, positional=True),
                Field("channels", channels, positional=True),
                Field("heads", heads),
                Field("grid", grid),
                Field("kernel_q", arguments["kernel_q"], ONE),
                Field("stride_q", arguments["stride_q"], ONE),
                Field("kernel_kv", arguments["kernel_kv"], ONE),
                Field("stride_kv", arguments["stride_kv"], ONE),
                Field("relative", relative, False),
                Field("residual", arguments["residual"], False),
                Field("eps", arguments["eps"], 1e-6),
            ),
            (*(("rows", "columns", "frames") if relative else ()), *tensors(*names)),
        ),
        attributes=(("grid", grid if token else "same"),),
    )


def _pools(arguments: Arguments, side: str) -> bool:
    return bool(arguments[f"kernel_{side}"] != ONE or arguments[f"stride_{side}"] != ONE)


def _pooled(arguments: Arguments, side: str, grid: Sizes) -> Sizes:
    """Frames, rows and columns of the queries, or of keys and values."""
    name = f"kernel_{side}"
    given = {name: arguments[name], "stride": arguments[f"stride_{side}"]}
    return odd_window("pooled_attention", given, (1, *grid), "such as `3x3x3`", name).output


POOLED_ATTENTION = Layer(
    "pooled_attention",
    "self-attention of MViT: queries, and keys and values, are pooled inside each head by a depthwise convolution with"
    " layer norm, which is left out where kernel and stride are 1. The output has as many positions as the queries. A"
    " class token is not pooled",
    (
        HEADS,
        CHANNELS,
        Parameter("kernel_q", "sizes", ONE, "kernel of the pooling of queries, odd"),
        Parameter("stride_q", "sizes", ONE, "stride of the pooling of queries"),
        Parameter("kernel_kv", "sizes", ONE, "kernel of the pooling of keys and values, odd"),
        Parameter("stride_kv", "sizes", ONE, "stride of the pooling of keys and values"),
        Parameter("relative", "flag", False, "learned relative positions along frames, rows and columns (MViTv2)"),
        Parameter("residual", "flag", False, "add the pooled queries to the output, except the token's (MViTv2)"),
        Parameter("eps", "real", 1e-6, "added to the variance in layer norms", low=0.0, high=1.0),
        GRID,
    ),
    pooled_attention,
)


# ---------------------------- the non-local block (Wang et al. 2018), embedded Gaussian


def non_local(arguments: Arguments, shape: Shape) -> Applied:
    """MACs of the four 1x1x1 convolutions and of the two products over all pairs of positions."""
    before, inner, positions = shape[0], arguments["channels"], prod(shape[1:])
    return Applied(
        output=shape,
        macs=4 * before * inner * positions + 2 * inner * positions**2,
        params=4 * before * inner + 3 * inner + 2 * before,
        code=ModuleCode(
            "NonLocal",
            (Field("in_channels", before, positional=True), Field("channels", inner, positional=True)),
            tensors("theta+", "phi+", "g+", "out", "bn*"),
        ),
    )


NON_LOCAL = Layer(
    "non_local",
    "non-local block: adds to every position softmax(theta(x)' phi(x) / sqrt(channels)) g(x) over all positions of"
    " the clip, where theta, phi and g are 1x1x1 convolutions with bias, followed by a 1x1x1 convolution and batch"
    " norm with initial weight 0; nothing is subsampled",
    (Parameter("channels", "channels", doc="channels of theta, phi and g, or `same`"),),
    non_local,
)


# -------------------------------------------------------------------- learned positions


def position(arguments: Arguments, shape: Shape) -> Applied:
    frames, rows, columns = shape[1:]
    over = arguments["over"]
    size = (1 if over == "spatial" else frames, *((1, 1) if over == "temporal" else (rows, columns)))
    return Applied(
        output=shape,
        params=prod(size) * shape[0],
        code=ModuleCode(
            "Position",
            (Field("channels", shape[0], positional=True), Field("size", size, positional=True)),
            ("weight",),
        ),
    )


POSITION = Layer(
    "position",
    "adds a learned vector to each position",
    (
        Parameter(
            "over",
            "word",
            "joint",
            "one vector for each frame, row and column (`joint`), for each row and column (`spatial`), or for each"
            " frame (`temporal`)",
            words=OVER,
        ),
    ),
    position,
)


# ----------------------------------------- a class token (ViT, Dosovitskiy et al. 2021)
# Token and positions are a map of one frame and one row, the token in its first column, so that layers which treat
# positions alike (linear as 1x1x1 convolution, layer norm, `residual`) need not know of it; others are told the sizes
# of the positions, `grid`.


def class_token(arguments: Arguments, shape: Shape) -> Applied:
    channels, position = shape[0], arguments["position"]
    return Applied(
        output=(channels, 1, 1, 1 + prod(shape[1:])),
        params=channels * (2 if position else 1),
        code=ModuleCode(
            "ClassToken",
            (Field("channels", channels, positional=True), Field("position", position, False)),
            ("token", "position") if position else ("token",),
        ),
    )


def read_token(arguments: Arguments, shape: Shape) -> Applied:
    if shape[1:3] != (1, 1):
        message = f"`read_token` needs 1 frame and 1 row of columns, the input is {show_shape(shape)}"
        raise LayerError("E0411", message, "`class_token` makes such a row; the mean over all positions is `pool`")
    return Applied(output=shape[:1], code=FunctionCode("{x}[:, :, 0, 0, 0]"))


def enter_grid(arguments: Arguments, shape: Shape) -> Shape:
    need_map("on_grid", shape)
    return shape[0], *tokens_and_grid("on_grid", arguments["grid"], shape)[1]


def leave_grid(arguments: Arguments, before: Shape, after: Shape, classes: int) -> Applied:
    tokens, grid = tokens_and_grid("on_grid", arguments["grid"], before)
    if not tokens:
        return Applied(output=after, code=BodyCode())
    if len(after) != 4 or after[0] != before[0]:
        message = f"the token of `on_grid` keeps {before[0]} channels, the body gives {show_shape(after)}"
        raise LayerError("E0411", message, f"end the body with a map of {before[0]} channels")
    code = BodyCode(
        enter=f"{{x}}[..., 0, 0, 1:].unflatten(2, {grid})",
        leave="torch.cat([{kept}[..., :1], {x}.flatten(2)[:, :, None, None]], dim=4)",
    )
    return Applied(output=(after[0], 1, 1, 1 + prod(after[1:])), code=code)


CLASS_TOKEN = Layer(
    "class_token",
    "puts a learned vector before the positions, which become the columns of one row: 1 x 1 x (1 + frames * rows *"
    " columns)",
    (Parameter("position", "flag", False, "add a learned embedding of its position to the token"),),
    class_token,
)
READ_TOKEN = Layer("read_token", "the class token, which is the first position, as a vector (C,)", (), read_token)
ON_GRID = Layer(
    "on_grid",
    "applies the body to the positions after a class token as a map of frames x rows x columns; the token goes around"
    " it",
    (Parameter("grid", "sizes", doc="frames x rows x columns of the positions"),),
    body=Body(leave_grid, enter_grid),
)
