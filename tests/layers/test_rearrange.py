"""Shift, chunk, flatten, upsample and scale against plain torch, alone and in a compiled network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.layers.made import apply, call, compare
from tests.layers.test_streams import agree, compiled
from vnasdsl.layers.base import LayerError, ModuleCode

torch.set_num_threads(1)
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))


@given(SHAPES, st.sampled_from([0.125, 0.25, 0.3, 0.5]), st.booleans())
def test_shift(shape: Any, share: float, online: bool) -> None:
    """The loop over frames of TSM's description."""
    applied = apply("shift", shape, share=share, online=online)
    fold = int(shape[0] * share)
    if fold == 0:
        assert applied.code is None
        return
    x = torch.randn(2, *shape)
    expected = x.clone()
    for t in range(shape[1]):
        before = x[:, :, t - 1] if t else torch.zeros_like(x[:, :, 0])
        after = x[:, :, t + 1] if t + 1 < shape[1] else torch.zeros_like(x[:, :, 0])
        if online:
            expected[:, :fold, t] = before[:, :fold]
        else:
            expected[:, :fold, t] = after[:, :fold]
            expected[:, fold : 2 * fold, t] = before[:, fold : 2 * fold]
    assert torch.equal(compare(applied, shape)(x), expected)


@given(SHAPES, st.integers(0, 3), st.integers(1, 4))
def test_the_parts_of_a_chunk_are_the_whole(shape: Any, axis: int, parts: int) -> None:
    x = torch.randn(2, *shape)
    if shape[axis] % parts:
        with pytest.raises(LayerError, match="cannot cut") as raised:
            apply("chunk", shape, parts=parts, take=0, axis=axis)
        assert raised.value.parameter == "parts"
        return
    applied = [apply("chunk", shape, parts=parts, take=i, axis=axis) for i in range(parts)]
    found = [call(one, x) if one.code else x for one in applied]
    assert [tuple(part.shape[1:]) for part in found] == [one.output for one in applied]
    assert torch.equal(torch.cat(found, dim=axis + 1), x)


@given(SHAPES)
def test_flatten(shape: Any) -> None:
    x = torch.randn(2, *shape)
    flat = apply("flatten", shape)
    assert torch.equal(call(flat, x), nn.Flatten()(x)) and flat.output == (x[0].numel(),)
    assert apply("flatten", shape[:1]).output == shape[:1]
    time = apply("flatten", shape, time=True)
    got = call(time, x) if time.code else x
    assert tuple(got.shape[1:]) == time.output
    frames = [x[:, c, t] for c in range(shape[0]) for t in range(shape[1])]
    assert torch.equal(got[:, :, 0], torch.stack(frames, dim=1))


@given(SHAPES, st.tuples(*[st.integers(1, 3)] * 3))
def test_upsample_to_the_nearest(shape: Any, times: Any) -> None:
    applied = apply("upsample", shape, times=times)
    x = torch.randn(2, *shape)
    expected = x
    for axis, n in enumerate(times):
        expected = expected.repeat_interleave(n, dim=axis + 2)
    assert torch.equal(call(applied, x) if applied.code else x, expected)
    assert tuple(expected.shape[1:]) == applied.output


@given(SHAPES, st.tuples(*[st.integers(1, 3)] * 3))
def test_upsample_trilinear(shape: Any, times: Any) -> None:
    """Linear interpolation along each axis between the centres of cells, by numpy."""
    applied = apply("upsample", shape, times=times, linear=True)
    x = torch.randn(1, *shape, dtype=torch.float64)
    expected = x.numpy()
    for axis, n in enumerate(times):
        size = shape[axis + 1]
        places = np.clip((np.arange(size * n) + 0.5) / n - 0.5, 0, size - 1)
        lines = [
            np.interp(places, np.arange(size), line) for line in np.moveaxis(expected, axis + 2, -1).reshape(-1, size)
        ]
        moved = np.moveaxis(expected, axis + 2, -1).shape[:-1]
        expected = np.moveaxis(np.array(lines).reshape(*moved, -1), -1, axis + 2)
    got = call(applied, x) if applied.code else x
    torch.testing.assert_close(got, torch.as_tensor(expected))


@pytest.mark.parametrize("channelwise", [False, True])
def test_scale(channelwise: bool) -> None:
    shape = (3, 2, 4, 5)
    made = compare(apply("scale", shape, start=0.5, channelwise=channelwise), shape)
    x = torch.randn(2, *shape)
    torch.testing.assert_close(made(x), x / 2)
    with torch.no_grad():
        made.factor.copy_(torch.arange(made.factor.numel()) + 1)
    expected = torch.stack([(c + 1 if channelwise else 1) * x[:, c] for c in range(3)], dim=1)
    torch.testing.assert_close(made(x), expected)


def test_what_cannot_be() -> None:
    with pytest.raises(LayerError, match="below its 2 parts") as raised:
        apply("chunk", (4, 2, 2, 2), parts=2, take=2)
    assert raised.value.parameter == "take"
    with pytest.raises(LayerError) as raised:
        apply("chunk", (4,), parts=2, take=0, axis=2)
    assert raised.value.code == "E0403"
    with pytest.raises(LayerError, match="from 0 to 3"):
        apply("chunk", (4, 2, 2, 2), parts=2, take=0, axis=4)
    assert apply("chunk", (4,), parts=2, take=1).output == (2,)
    code = apply("shift", (16, 2, 2, 2)).code
    assert isinstance(code, ModuleCode) and code.fields[0].value == 2  # an eighth each way, as TSM


SHIFTED = """
network shifted {
  input clip = video(frames=4, size=8, classes=5)
  x = conv(8, 1x3x3, stride=1x2x2) -> bn -> relu
  residual { shift -> conv(same, 1x3x3) -> bn -> scale(start=0) }
  y = concat(chunk(2, 1), chunk(2, 0)) -> upsample(1x2x2)
  low = x -> flatten(time=true) -> conv(4, 1x1x1) -> upsample((frames, 2, 2), linear=true)
  product(y, low -> conv(8, 1x1x1))
  conv(2, 1x4x4, stride=1x4x4, padding=valid) -> flatten -> linear(classes)
}
"""


class Shifted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.bn = nn.Conv3d(3, 8, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False), nn.BatchNorm3d(8)
        self.inner, self.inner_bn = nn.Conv3d(8, 8, (1, 3, 3), padding=(0, 1, 1), bias=False), nn.BatchNorm3d(8)
        self.factor = nn.ParameterDict({"factor": nn.Parameter(torch.zeros(1))})
        self.low, self.wide = nn.Conv3d(32, 4, 1, bias=False), nn.Conv3d(4, 8, 1, bias=False)
        self.last, self.linear = nn.Conv3d(8, 2, (1, 4, 4), (1, 4, 4), bias=False), nn.Linear(32, 5)

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        x = self.bn(self.first(clip)).relu()
        moved = x.clone()
        moved[:, 0] = torch.cat([x[:, 0, 1:], 0 * x[:, 0, :1]], dim=1)
        moved[:, 1] = torch.cat([0 * x[:, 1, :1], x[:, 1, :-1]], dim=1)
        y = x + self.factor["factor"] * self.inner_bn(self.inner(moved))
        y = torch.cat([y[:, 4:], y[:, :4]], dim=1).repeat_interleave(2, dim=3).repeat_interleave(2, dim=4)
        low = self.low(x.reshape(len(x), 32, 1, 4, 4))
        low = nn.functional.interpolate(low, scale_factor=(1, 2, 2), mode="trilinear")
        return self.linear(self.last(y * self.wide(low)).flatten(1))


def test_a_network_of_them() -> None:
    space, model = compiled(SHIFTED)
    oracle = Shifted()
    parts = [oracle.first, oracle.bn, oracle.inner, oracle.inner_bn, oracle.factor]
    agree(
        model, oracle, [*parts, oracle.low, oracle.wide, oracle.last, oracle.linear], torch.randn(2, *space.input.shape)
    )
