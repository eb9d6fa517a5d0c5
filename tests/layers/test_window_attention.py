"""Attention in shifted windows, attention between pooled positions and space to depth, one position after the other."""

from __future__ import annotations

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.layers.built import randomise
from tests.layers.made import apply, compare
from tests.layers.test_streams import compiled
from vnasdsl.layers.base import LayerError, Shape

torch.set_num_threads(1)


def by_definition(made: object, x: Tensor, heads: int, window: Shape, shift: Shape) -> Tensor:
    """What each position of (C, T, H, W) sees, with zeros where windows need more positions."""
    used = [min(w, n) for w, n in zip(window, x.shape[1:], strict=True)]
    shift = tuple(s if n > w else 0 for s, w, n in zip(shift, window, x.shape[1:], strict=True))
    size = [-(-n // w) * w for w, n in zip(used, x.shape[1:], strict=True)]
    places = list(product(*map(range, size)))
    inside = [all(p < n for p, n in zip(place, x.shape[1:], strict=True)) for place in places]
    rows = torch.stack([x[:, *p] if real else torch.zeros(len(x)) for p, real in zip(places, inside, strict=True)])
    q, k, v = made.qkv(rows).view(len(rows), 3, heads, -1).unbind(1)
    moved = [[(p - s) % n for p, s, n in zip(place, shift, size, strict=True)] for place in places]
    group = [
        [(m // w, p < s) for p, m, s, w in zip(place, at, shift, used, strict=True)]
        for place, at in zip(places, moved, strict=True)
    ]
    table = made.bias.view(*(2 * w - 1 for w in window), heads)
    out = torch.empty(len(made.out.weight), *x.shape[1:])
    for i, place in enumerate(places):
        if not inside[i]:
            continue
        others = [j for j in range(len(places)) if group[j] == group[i]]
        parts = []
        for head in range(heads):
            weights = []
            for j in others:
                offset = [
                    a % w - b % w + big - 1 for a, b, w, big in zip(moved[i], moved[j], used, window, strict=True)
                ]
                weights.append(q[i, head] @ k[j, head] / q.shape[2] ** 0.5 + table[*offset, head])
            weights = torch.stack(weights).softmax(0)
            parts.append(weights @ v[others, head])
        out[:, *place] = made.out(torch.cat(parts))
    return out


@pytest.mark.parametrize(
    "size, window, shift",
    [
        ((2, 4, 4), (2, 2, 2), (0, 0, 0)),
        ((4, 4, 4), (2, 2, 4), (1, 1, 2)),  # columns are one window, which is not shifted
        ((3, 5, 3), (2, 2, 2), (1, 1, 1)),  # zeros at the ends of all axes
        ((1, 4, 5), (4, 2, 3), (2, 0, 1)),  # fewer frames than the window
    ],
)
@torch.no_grad()
def test_window_attention(size: Shape, window: Shape, shift: Shape) -> None:
    shape = (4, *size)
    applied = apply("window_attention", shape, heads=2, channels=6, window=window, shift=shift)
    made = randomise(compare(applied, shape))
    x = torch.randn(2, *shape)
    for clip, seen in zip(x, made(x), strict=True):
        torch.testing.assert_close(seen, by_definition(made, clip, 2, window, shift), atol=1e-5, rtol=1e-5)


@given(st.tuples(*[st.integers(1, 6)] * 3), st.tuples(*[st.integers(1, 4)] * 3), st.data())
@settings(max_examples=20, deadline=None)
def test_sizes_of_window_attention(size: Shape, window: Shape, data: st.DataObject) -> None:
    shift = tuple(data.draw(st.integers(0, w - 1)) for w in window)
    compare(apply("window_attention", (4, *size), heads=2, window=window, shift=shift), (4, *size))


def pooled(weight: Tensor, norm: torch.nn.LayerNorm, x: Tensor, grid: Shape, stride: Shape, token: int) -> Tensor:
    """(positions, width) of one head: each channel convolved by itself, then layer norm of token and positions."""
    maps = x[token:].T.unflatten(1, grid)
    pad = [k // 2 for k in weight.shape[2:]]
    rows = [F.conv3d(m[None, None], w[None], stride=stride, padding=pad) for m, w in zip(maps, weight, strict=True)]
    return norm(torch.cat([x[:token], torch.stack([row.flatten() for row in rows], dim=1)]))


@pytest.mark.parametrize("token", [0, 1])
@pytest.mark.parametrize("relative, residual", [(False, False), (True, False), (True, True)])
@torch.no_grad()
def test_pooled_attention(token: int, relative: bool, residual: bool) -> None:
    grid, heads, stride_q, stride_kv = (2, 4, 8), 2, (1, 1, 2), (1, 4, 4)
    shape = (4, 1, 1, 65) if token else (4, *grid)
    given = {"kernel_q": (3, 3, 3), "stride_q": stride_q, "kernel_kv": (1, 3, 3), "stride_kv": stride_kv}
    given |= {"relative": relative, "residual": residual, "grid": grid if token else "same"}
    made = randomise(compare(apply("pooled_attention", shape, heads=heads, channels=6, **given), shape))
    x = torch.randn(1, *shape)
    q, k, v = made.qkv(x[0].flatten(1).T).view(-1, 3, heads, 3).unbind(1)
    q_places = list(product(range(2), range(4), range(4)))
    k_places = list(product(range(2), range(1), range(2)))
    parts = []
    for head in range(heads):
        asked = pooled(made.pool_q.conv.weight, made.pool_q.norm, q[:, head], grid, stride_q, token)
        keys = pooled(made.pool_k.conv.weight, made.pool_k.norm, k[:, head], grid, stride_kv, token)
        values = pooled(made.pool_v.conv.weight, made.pool_v.norm, v[:, head], grid, stride_kv, token)
        logits = asked @ keys.T / 3**0.5
        if relative:  # a key is 1 frame, 4 rows and 2 columns of the queries long
            for (i, (t, h, w)), (j, (t2, h2, w2)) in product(enumerate(q_places), enumerate(k_places)):
                near = made.frames[t - t2 + 1] + made.rows[h - 4 * h2] + made.columns[w - 2 * w2 + 2]
                logits[token + i, token + j] += asked[token + i] @ near
        seen = logits.softmax(1) @ values
        if residual:
            seen[token:] += asked[token:]
        parts.append(seen)
    expected = made.out(torch.cat(parts, dim=1)).T
    torch.testing.assert_close(made(x)[0].flatten(1), expected, atol=1e-5, rtol=1e-5)


@given(st.tuples(*[st.integers(1, 5)] * 3), st.tuples(*[st.integers(1, 3)] * 3), st.tuples(*[st.integers(1, 3)] * 3))
@settings(max_examples=20, deadline=None)
def test_sizes_of_pooled_attention(size: Shape, stride_q: Shape, stride_kv: Shape) -> None:
    given = {"stride_q": stride_q, "kernel_kv": (3, 3, 3), "stride_kv": stride_kv, "relative": True}
    compare(apply("pooled_attention", (4, *size), heads=2, **given), (4, *size))


@pytest.mark.parametrize("size, block", [((2, 4, 6), (1, 2, 2)), ((3, 5, 3), (2, 2, 2))])
def test_space_to_depth(size: Shape, block: Shape) -> None:
    shape = (3, *size)
    applied = apply("space_to_depth", shape, block=block)
    made = compare(applied, shape)
    x = torch.randn(1, *shape)
    out = made(x)[0]
    for place in product(*map(range, applied.output[1:])):
        offsets = product(*(range(b) for b in reversed(block)))
        values = []
        for w, h, t in offsets:
            at = [p * b + o for p, b, o in zip(place, block, (t, h, w), strict=True)]
            inside = all(a < n for a, n in zip(at, size, strict=True))
            values.append(x[0, :, *at] if inside else torch.zeros(3))
        torch.testing.assert_close(out[:, *place], torch.cat(values))


@pytest.mark.parametrize(
    "code, name, arguments",
    [
        ("E0404", "window_attention", {"heads": 3, "window": (2, 2, 2)}),
        ("E0303", "window_attention", {"heads": 2, "window": (2, 2, 2), "shift": (1, 2, 0)}),
        ("E0404", "pooled_attention", {"heads": 3}),
        ("E0303", "pooled_attention", {"heads": 2, "kernel_q": (1, 2, 2)}),
        ("E0411", "pooled_attention", {"heads": 2, "grid": (2, 2, 2)}),
    ],
)
def test_what_does_not_fit(code: str, name: str, arguments: dict[str, object]) -> None:
    with pytest.raises(LayerError) as raised:
        apply(name, (8, 2, 4, 4), **arguments)
    assert raised.value.code == code


NETWORK = """
block swin(heads, by) {
  residual { layer_norm -> window_attention(heads, 2x3x3, shift=by) }
}

block mvit(channels, heads, s) {
  residual(project=auto) {
    layer_norm
    pooled_attention(heads, channels, kernel_q=3x3x3, stride_q=(1, s, s), kernel_kv=3x3x3, stride_kv=1x2x2)
  }
}

network n {
  input clip = video(frames=4, size=24, classes=3)
  conv(4, 2x4x4, stride=2x4x4)
  swin(2, 0x0x0) -> swin(2, 1x1x1)
  space_to_depth(1x2x2) -> layer_norm -> conv(8, 1x1x1)
  mvit(8, 2, 1) -> mvit(12, 4, 2)
  pool -> linear(classes)
}
"""


def test_windows_and_pooling_in_a_network() -> None:
    compiled(NETWORK)
