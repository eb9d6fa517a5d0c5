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


@pytest.mark.parametrize("act", ["relu", "hardswish"])
@pytest.mark.parametrize(("channels", "stride", "shortcut"), [(4, 1, True), (4, 1, False), (6, 1, True), (4, 2, True)])
def test_inverted_bottleneck(act: str, channels: int, stride: int, shortcut: bool) -> None:
    shape = (4, 5, 6, 5)
    given = {"channels": channels, "kernel": (3, 3, 3), "stride": (1, stride, stride), "dilation": (2, 1, 1)}
    made = compare(apply("inverted_bottleneck", shape, expand=3, activation=act, shortcut=shortcut, **given), shape)
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


FUNCTIONS = {"relu": nn.ReLU(), "silu": nn.SiLU(), "hardswish": nn.Hardswish(), "gelu": nn.GELU(), "tanh": nn.Tanh()}
GATES = {"sigmoid": nn.Sigmoid(), "hardsigmoid": nn.Hardsigmoid()}


class Squeeze(nn.Module):
    def __init__(self, channels: int, narrow: int, activation: str, gate: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, narrow), FUNCTIONS[activation], nn.Linear(narrow, channels), GATES[gate]
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.layers(x.flatten(2).mean(dim=2))[:, :, None, None, None]


def as_dense(model: nn.Module) -> None:
    """1x1x1 convolutions in place of dense layers, so that both have the same weights."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.weight = nn.Parameter(layer.weight[:, :, 0, 0, 0] if layer.weight.dim() == 5 else layer.weight)


def agree(model: nn.Module, oracle: nn.Module, shape: tuple[int, ...]) -> None:
    for layer in oracle.modules():
        if isinstance(layer, nn.Linear):
            layer.weight = nn.Parameter(layer.weight[:, :, None, None, None])
    same_weights(model, oracle)
    as_dense(oracle)
    x = torch.randn(2, *shape)
    torch.testing.assert_close(model(x), oracle(x))


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("activation", FUNCTIONS)
def test_squeeze_excite(activation: str, gate: str) -> None:
    shape = (10, 2, 3, 4)
    applied = apply("squeeze_excite", shape, ratio=0.5, least=2, activation=activation, gate=gate)
    agree(compare(applied, shape), Squeeze(10, 5, activation, gate), shape)


def test_squeeze_excite_of_a_stream() -> None:
    """Frame by frame: the means of all frames so far and of this one make its gate."""
    shape = (4, 3, 2, 5)
    made = compare(apply("squeeze_excite", shape, ratio=0.5, least=1, causal=True), shape)
    x = torch.randn(2, *shape)
    squeeze, excite = (layer.weight[:, :, 0, 0, 0] for layer in (made.squeeze, made.excite))
    out = made(x)
    for t in range(3):
        means = torch.cat([x[:, :, : t + 1].flatten(2).mean(dim=2), x[:, :, t].flatten(2).mean(dim=2)], dim=1)
        gate = (means @ squeeze.T + made.squeeze.bias).relu() @ excite.T + made.excite.bias
        torch.testing.assert_close(out[:, :, t], x[:, :, t] * gate.sigmoid()[:, :, None, None])


def round_width(width: float, multiplier: float, least: int = 8, divisor: int = 8) -> int:
    """As in pytorchvideo."""
    width *= multiplier
    out = max(least, int(width + divisor / 2) // divisor * divisor)
    if out < 0.9 * width:
        out += divisor
    return int(out)


@given(st.integers(1, 600), st.sampled_from([0.0625, 0.25, 0.3]), st.sampled_from([4, 8, 16]))
def test_the_width_of_squeeze_excite(channels: int, ratio: float, multiple: int) -> None:
    shape, widths = (channels, 1, 1, 1), [ratio, ratio + 0.01]
    found = [apply("squeeze_excite", shape, ratio=r, multiple=multiple).macs // (2 * channels) for r in widths]
    assert found[0] == round_width(channels, ratio, 8, multiple)
    assert found == sorted(found)


@pytest.mark.parametrize(("activation", "gate"), [("hardswish", "hardsigmoid"), ("silu", "sigmoid")])
def test_inverted_bottleneck_with_squeeze_excite(activation: str, gate: str) -> None:
    shape = (6, 2, 5, 5)
    applied = apply("inverted_bottleneck", shape, channels=6, squeeze=0.25, activation=activation, gate=gate)
    inverted = Inverted(6, 6, 4, FUNCTIONS[activation], 1, 1)
    inverted.layers[3] = Conv(24, 24, (1, 3, 3), groups=24)
    inverted.layers.insert(6, Squeeze(24, 8, activation, gate))  # a quarter of 24 is 6, and the least is 8

    class Added(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = inverted

        def forward(self, x: Tensor) -> Tensor:
            return x + self.body(x)

    agree(compare(applied, shape), Added(), shape)


@pytest.mark.parametrize("groups", [1, 2, "same"])
def test_groups_and_activation_of_a_bottleneck(groups: Any) -> None:
    """ResNeXt and channel-separated networks (CSN)."""
    shape = (8, 3, 5, 5)
    applied = apply("bottleneck", shape, channels=4, expand=2, groups=groups, kernel=(3, 3, 3), activation="gelu")
    made = compare(applied, shape)
    middle = 4 if groups == "same" else groups
    layers = nn.Sequential(
        *(Conv(8, 4), nn.BatchNorm3d(4), nn.GELU()),
        *(Conv(4, 4, (3, 3, 3), groups=middle), nn.BatchNorm3d(4), nn.GELU()),
        *(Conv(4, 8), nn.BatchNorm3d(8)),
    )
    same_weights(made, layers)
    x = torch.randn(2, *shape)
    torch.testing.assert_close(made(x), nn.functional.gelu(x + layers(x)))
    with pytest.raises(LayerError, match="`bottleneck` cannot split") as raised:
        apply("bottleneck", shape, channels=4, groups=3)
    assert raised.value.parameter == "groups"
