"""Attention between pooled positions (MViT, Fan et al. 2021), with MViTv2's relative positions and residual (Li et al.
2022)."""

from __future__ import annotations

from math import prod

from vnasdsl.layers.attention import CHANNELS, GRID, HEADS, check_heads, tokens_and_grid
from vnasdsl.layers.base import Applied, Arguments, Field, Layer, ModuleCode, Parameter, Shape, tensors
from vnasdsl.layers.window import ONE, Sizes, odd_window


def apply(arguments: Arguments, shape: Shape) -> Applied:
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


LAYER = Layer(
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
    apply,
)
