"""Bottlenecks against plain modules written from their descriptions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.layers.built import same_weights
from tests.layers.made import apply, compare, module
from tests.oracles.assemblenet import Module
from tests.oracles.same import Conv
from vnasdsl.layers.base import LayerError

torch.set_num_threads(1)


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize(("before", "channels", "wide", "dilation", "stride"), [(5, 3, 4, 4, 2), (12, 3, 6, 1, 1)])
def test_the_module_of_assemblenet(
    step: int, before: int, channels: int, wide: int, dilation: int, stride: int
) -> None:
    if step > 0:
        before, stride = 4 * channels, 1
    shape = (before, 6, 5, 7)
    applied = apply(
        "bottleneck",
        shape,
        channels=channels,
        wide=wide,
        first=(3, 1, 1) if step % 2 else (1, 1, 1),
        stride=(1, stride, stride),
        dilation=(dilation, 1, 1),
        start=0.0,
        project="always" if step == 0 else "never",
    )
    made = compare(applied, shape)
    assert made.last_bn.weight.abs().max() == 0
    oracle = Module(before, channels, wide, dilation, stride, step)
    same_weights(made, oracle)
    x = torch.randn(2, *shape)
    torch.testing.assert_close(made(x), oracle(x))


ODD = st.tuples(*[st.sampled_from([1, 3])] * 3)
TRIPLE = st.tuples(*[st.integers(1, 2)] * 3)


@given(
    st.tuples(st.integers(1, 8), *[st.integers(1, 6)] * 3),
    st.integers(1, 4),
    ODD,
    ODD,
    TRIPLE,
    TRIPLE,
    st.integers(1, 3),
    st.sampled_from(["auto", "always"]),
)
@settings(max_examples=40, deadline=None)
def test_costs_of_any_bottleneck(
    shape: tuple[int, int, int, int],
    channels: int,
    kernel: tuple[int, int, int],
    first: tuple[int, int, int],
    stride: tuple[int, int, int],
    dilation: tuple[int, int, int],
    expand: int,
    project: str,
) -> None:
    given: dict[str, Any] = {"kernel": kernel, "first": first, "stride": stride, "dilation": dilation}
    applied = apply("bottleneck", shape, channels=channels, expand=expand, project=project, **given)
    made = compare(applied, shape)
    assert hasattr(made, "shortcut") == (project == "always" or applied.output != shape)
    compare(apply("inverted_bottleneck", shape, channels=channels, expand=expand, kernel=kernel, stride=stride), shape)


class Inverted(nn.Module):
    def __init__(self, before: int, channels: int, expand: int, act: nn.Module, stride: int, dilation: int) -> None:
        super().__init__()
        wide = before * expand
        kernel, strides, dilations = (3, 3, 3), (1, stride, stride), (dilation, 1, 1)
        self.layers = nn.Sequential(
            *(Conv(before, wide), nn.BatchNorm3d(wide), act),
            *(Conv(wide, wide, kernel, strides, dilations, groups=wide), nn.BatchNorm3d(wide), act),
            *(Conv(wide, channels), nn.BatchNorm3d(channels)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


@pytest.mark.parametrize("act", ["relu", "hswish"])
@pytest.mark.parametrize(("channels", "stride", "shortcut"), [(4, 1, True), (4, 1, False), (6, 1, True), (4, 2, True)])
def test_inverted_bottleneck(act: str, channels: int, stride: int, shortcut: bool) -> None:
    shape = (4, 5, 6, 5)
    given = {"channels": channels, "kernel": (3, 3, 3), "stride": (1, stride, stride), "dilation": (2, 1, 1)}
    made = compare(apply("inverted_bottleneck", shape, expand=3, act=act, shortcut=shortcut, **given), shape)
    oracle = Inverted(4, channels, 3, nn.ReLU() if act == "relu" else nn.Hardswish(), stride, 2)
    same_weights(made, oracle)
    x = torch.randn(2, *shape)
    expected = oracle(x) + x if shortcut and channels == 4 and stride == 1 else oracle(x)
    torch.testing.assert_close(made(x), expected)


def test_what_cannot_be() -> None:
    with pytest.raises(LayerError) as raised:
        apply("bottleneck", (8, 4, 4, 4), channels=3, project="never")
    assert raised.value.code == "E0402" and raised.value.parameter == "project"
    assert apply("bottleneck", (8, 4, 4, 4), channels=2, project="never").output == (8, 4, 4, 4)
    for name, argument in (("bottleneck", "kernel"), ("bottleneck", "first"), ("inverted_bottleneck", "kernel")):
        with pytest.raises(LayerError) as raised:
            apply(name, (8, 4, 4, 4), channels=2, **{argument: (1, 2, 2)})
        assert raised.value.code == "E0303" and raised.value.parameter == argument
    applied = apply("bottleneck", (8, 4, 4, 4), channels=2, first=(3, 1, 1), dilation=(4, 1, 1))
    assert applied.warning is not None and applied.warning.parameter == "dilation"
    assert apply("bottleneck", (8, 4, 4, 4), channels=2, dilation=(4, 1, 1)).warning is None


def test_only_the_last_norm_starts_elsewhere() -> None:
    made = module(apply("bottleneck", (8, 2, 4, 4), channels=2, start=0.25))
    assert made.last_bn.weight.unique().tolist() == [0.25] and made.middle_bn.weight.unique().tolist() == [1]
