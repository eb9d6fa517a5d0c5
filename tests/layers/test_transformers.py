"""Layer norm, attention, positions and class tokens against torch's own and against one position after the other."""

from __future__ import annotations

import random
from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.codegen.code import child, read, shuffle, supernet
from tests.layers.built import evaluate, leave, randomise
from tests.layers.made import apply, compare
from tests.layers.test_streams import compiled
from tests.layers.test_window_attention import NETWORK
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import LayerError, Shape
from vnasdsl.train.verify import differences

torch.set_num_threads(1)
SIZES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))


@pytest.mark.parametrize("shape", [(7, 2, 3, 4), (7,)])
@torch.no_grad()
def test_layer_norm(shape: Shape) -> None:
    made = randomise(compare(apply("layer_norm", shape, eps=0.1), shape))
    x = torch.randn(2, *shape)
    places = x.flatten(2).transpose(1, 2) if len(shape) > 1 else x
    mean, deviation = places.mean(-1, keepdim=True), (places.var(-1, correction=0, keepdim=True) + 0.1).sqrt()
    expected = (places - mean) / deviation * made.weight + made.bias
    torch.testing.assert_close(made(x).flatten(2).transpose(1, 2) if len(shape) > 1 else made(x), expected)


@given(SIZES, st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=10, deadline=None)
@torch.no_grad()
def test_joint_attention_is_that_of_torch(size: Shape, heads: int, width: int) -> None:
    channels = heads * width
    shape = (channels, *size)
    made = randomise(compare(apply("attention", shape, heads=heads), shape))
    oracle = nn.MultiheadAttention(channels, heads, batch_first=True).eval()
    oracle.load_state_dict(dict(zip(oracle.state_dict(), made.state_dict().values(), strict=True)))
    x = torch.randn(2, *shape)
    rows = x.flatten(2).transpose(1, 2)
    expected = oracle(rows, rows, rows)[0].transpose(1, 2).view_as(x)
    torch.testing.assert_close(made(x), expected, atol=1e-5, rtol=1e-5)


def seen_by(over: str, grid: Shape, token: bool) -> list[list[int]]:
    """The groups of columns that see each other, written from the description."""
    places = torch.arange(prod(grid)).view(grid) + token
    if over == "joint":
        groups = [places.flatten()]
    elif over == "spatial":
        groups = [frame.flatten() for frame in places]
    else:
        groups = [places[:, h, w] for h in range(grid[1]) for w in range(grid[2])]
    return [[0] * token + group.tolist() for group in groups]


@pytest.mark.parametrize("token", [False, True])
@pytest.mark.parametrize("over", ["joint", "spatial", "temporal"])
@torch.no_grad()
def test_attention_one_query_after_the_other(over: str, token: bool) -> None:
    grid, heads, channels = (2, 3, 2), 2, 6
    shape = (4, 1, 1, 13) if token else (4, *grid)
    applied = apply("attention", shape, heads=heads, channels=channels, over=over, grid=grid if token else "same")
    made = randomise(compare(applied, shape))
    x = torch.randn(1, *shape)
    q, k, v = made.qkv(x[0].flatten(1).T).view(-1, 3, heads, channels // heads).unbind(1)
    seen: dict[int, list[Tensor]] = {}
    for group in seen_by(over, grid, token):
        for i in group:
            parts = []
            for head in range(heads):
                weights = torch.stack([q[i, head] @ k[j, head] / (channels // heads) ** 0.5 for j in group]).exp()
                parts.append(sum(w * v[j, head] for w, j in zip(weights / weights.sum(), group, strict=True)))
            seen.setdefault(i, []).append(torch.cat(parts))
    expected = torch.stack([made.out(sum(seen[i]) / len(seen[i])) for i in sorted(seen)])
    torch.testing.assert_close(made(x)[0].flatten(1).T, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("over, size", [("joint", (2, 3, 4)), ("spatial", (1, 3, 4)), ("temporal", (2, 1, 1))])
@torch.no_grad()
def test_position(over: str, size: Shape) -> None:
    shape = (5, 2, 3, 4)
    made = compare(apply("position", shape, over=over), shape)
    x = torch.randn(2, *shape)
    table = made.weight.view(*size, 5).expand(2, 3, 4, 5)
    torch.testing.assert_close(made(x), x + table.permute(3, 0, 1, 2))


@pytest.mark.parametrize("position", [False, True])
@torch.no_grad()
def test_class_token(position: bool) -> None:
    shape = (5, 2, 3, 4)
    made = compare(apply("class_token", shape, position=position), shape)
    x = torch.randn(2, *shape)
    out = made(x)
    torch.testing.assert_close(out[:, :, 0, 0, 1:], x.flatten(2))
    torch.testing.assert_close(out[:, :, 0, 0, 0], sum(made.parameters()).expand(2, 5))
    read = apply("read_token", (5, 1, 1, 25))
    assert read.output == (5,)
    torch.testing.assert_close(evaluate(read.code.expression.replace("{x}", "x0"), out), out[..., 0, 0, 0])


@torch.no_grad()
def test_on_grid() -> None:
    x = torch.randn(2, 5, 1, 1, 25)
    layer = CATALOGUE["on_grid"]
    assert layer.body.enter({"grid": (2, 3, 4)}, (5, 1, 1, 25)) == (5, 2, 3, 4)
    applied = leave("on_grid", (5, 1, 1, 25), (5, 2, 2, 1), grid=(2, 3, 4))
    inside = evaluate(applied.code.enter, x=x)
    torch.testing.assert_close(inside, x[..., 1:].view(2, 5, 2, 3, 4))
    out = evaluate(applied.code.leave, x=inside[:, :, :, :2, :1], kept=x)
    assert tuple(out.shape[1:]) == applied.output == (5, 1, 1, 5)
    torch.testing.assert_close(out[..., 0, 0, 0], x[..., 0, 0, 0])
    torch.testing.assert_close(out[..., 1:].flatten(2), inside[:, :, :, :2, :1].flatten(2))


@pytest.mark.parametrize(
    "code, name, shape, arguments",
    [
        ("E0404", "attention", (10, 2, 4, 4), {"heads": 4}),
        ("E0411", "attention", (8, 1, 1, 17), {"heads": 4, "grid": (2, 4, 4)}),
        ("E0411", "attention", (8, 2, 4, 4), {"heads": 4, "grid": (2, 2, 2)}),
        ("E0411", "read_token", (8, 2, 4, 4), {}),
        ("E0403", "attention", (8,), {"heads": 4}),
        ("E0403", "position", (8,), {}),
        ("E0403", "class_token", (8,), {}),
    ],
)
def test_what_does_not_fit(code: str, name: str, shape: Shape, arguments: dict[str, int]) -> None:
    with pytest.raises(LayerError) as raised:
        apply(name, shape, **arguments)
    assert raised.value.code == code


@pytest.mark.parametrize("after", [(6, 2, 2, 2), (8,)])
def test_the_body_of_on_grid_keeps_the_channels(after: Shape) -> None:
    with pytest.raises(LayerError, match="the token of `on_grid` keeps 8 channels"):
        leave("on_grid", (8, 1, 1, 9), after, grid=(2, 2, 2))


BLOCK = """
block unit(heads, over, t, h, w) {
  on_grid((t, h, w)) { residual { layer_norm -> attention(heads, over=temporal) -> conv(same, 1x1x1, bias=true) } }
  residual { layer_norm -> attention(heads, over=over, grid=(t, h, w)) }
  residual { layer_norm(eps=1e-6) -> conv(2 * channels, 1x1x1, bias=true) -> gelu -> conv(8, 1x1x1, bias=true) }
}

network n {
  input clip = video(frames=4, size=16, classes=3)
  conv(8, 2x4x4, stride=2x4x4, bias=true) -> position(over=spatial) -> position(over=temporal)
  class_token(position=true)
  2 * unit(2, spatial, 2, 4, 4)
  on_grid(2x4x4) { max_pool(1x3x3, stride=1x2x2) }
  unit(4, joint, 2, 2, 2)
  layer_norm -> read_token -> linear(classes)
}
"""


def test_a_transformer_with_a_class_token() -> None:
    space, model = compiled(BLOCK)
    clips = torch.randn(2, *space.input.shape)
    model(clips).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    assert differences(space) == []  # MACs of attention, too, are what torch counts


@pytest.mark.parametrize(
    "text", [pytest.param(BLOCK, id="token"), pytest.param(NETWORK, id="windows", marks=pytest.mark.slow)]
)
def test_a_transformer_is_exported_for_any_batch(text: str) -> None:
    space, model = compiled(text)
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(model, (torch.randn(3, *space.input.shape),), dynamic_shapes=({0: batch},))
    clips = torch.randn(5, *space.input.shape)
    torch.testing.assert_close(exported.module()(clips), model(clips))


def test_a_size_that_the_grid_does_not_fit_is_an_error() -> None:
    with pytest.raises(VnsError, match="32 positions, the input is 8 x 1 x 1 x 129"):
        read(BLOCK.replace("size=16", "size=32"))


HYBRID = """
space s {
  input clip = video(frames=4, size=16, classes=3)
  stage a { conv(8 | 12, 1x3x3, stride=1x4x4) -> bn -> relu }
  stage b {
    conv(8, 1x1x1)
    2 * (residual { layer_norm -> attention(2 | 4, over=joint | temporal) } | conv(same, 3x3x3) | skip)
  }
  pool -> linear(classes)
}
"""


@torch.no_grad()
def test_gradient_search_mixes_attention_with_convolutions() -> None:
    space = read(HYBRID)
    model = supernet(space).double()
    shuffle(model)
    model.eval()
    drawn = random.Random(3)
    clips = torch.randn(2, *space.input.shape, dtype=torch.float64)
    for _ in range(6):
        way = space.sample(drawn)
        model.set_choices(way)
        torch.testing.assert_close(child(space, way, model).eval()(clips), model(clips))
