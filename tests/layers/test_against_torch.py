"""Shapes, costs and code of every layer of the catalogue against torch itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source, Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import REQUIRED, Applied, FunctionCode, LayerError, ModuleCode
from vnasdsl.space.values import coerce

torch.set_num_threads(1)
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))


def triple(low: int, high: int) -> st.SearchStrategy[tuple[int, int, int]]:
    return st.tuples(*[st.integers(low, high)] * 3)


def apply(name: str, shape: tuple[int, ...], classes: int = 5, **arguments: Any) -> Applied:
    layer = CATALOGUE[name]
    given = {p.name: arguments.get(p.name, p.default) for p in layer.parameters}
    assert REQUIRED not in given.values() and set(arguments) <= set(given)
    return layer.apply(given, shape, classes)


def module(applied: Applied) -> nn.Module:
    assert isinstance(applied.code, ModuleCode)
    by_position = [f.value for f in applied.code.fields if f.positional]
    by_name = {f.name: f.value for f in applied.code.fields if not f.positional}
    made: nn.Module = eval(applied.code.callee, {"nn": nn})(*by_position, **by_name)  # noqa: S307
    return made


def compare(applied: Applied, shape: tuple[int, ...]) -> None:
    made = module(applied).eval()
    with FlopCounterMode(display=False) as counter:
        out = made(torch.randn(2, *shape))
    assert tuple(out.shape) == (2, *applied.output)
    assert counter.get_total_flops() == 2 * 2 * applied.macs
    assert sum(p.numel() for p in made.parameters()) == applied.params
    assert isinstance(applied.code, ModuleCode)
    assert tuple(made.state_dict()) == applied.code.tensors
    assert applied.activation_bytes == out[0].numel() * 4


PADDING = st.one_of(st.sampled_from(["same", "valid"]), triple(0, 2))


@given(SHAPES, st.integers(1, 6), triple(1, 4), triple(1, 3), triple(1, 2), PADDING, st.booleans(), st.data())
@settings(max_examples=150)
def test_conv(
    shape: tuple[int, int, int, int],
    channels: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    dilation: tuple[int, int, int],
    padding: Any,
    bias: bool,
    data: st.DataObject,
) -> None:
    groups = data.draw(st.sampled_from([g for g in (1, 2, 3) if shape[0] % g == 0 and channels % g == 0]))
    arguments = {"channels": channels, "kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    try:
        applied = apply("conv", shape, **arguments, groups=groups, bias=bias)
    except LayerError as fault:
        refused = fault.code
    else:
        compare(applied, shape)
        if padding == "same":
            assert applied.output[1:] == tuple(-(-n // s) for n, s in zip(shape[1:], stride, strict=True))
        return
    if refused == "E0401":  # torch refuses it as well
        pads = (0, 0, 0) if padding == "valid" else padding
        with pytest.raises(RuntimeError):
            nn.Conv3d(shape[0], channels, kernel, stride, pads, dilation)(torch.randn(2, *shape))
    else:
        assert refused == "E0107" and padding == "same" and any(k % 2 == 0 for k in kernel)


@given(SHAPES, st.sampled_from(["max_pool", "avg_pool"]), triple(1, 3), triple(1, 3), PADDING)
@settings(max_examples=80)
def test_pools(
    shape: tuple[int, int, int, int],
    name: str,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    padding: Any,
) -> None:
    try:
        applied = apply(name, shape, kernel=kernel, stride=stride, padding=padding)
    except LayerError as fault:
        assert fault.code in ("E0401", "E0107", "E0303")
        return
    compare(applied, shape)
    x = torch.randn(1, *shape)
    made = module(applied)
    assert torch.isfinite(made(x)).all()
    if name == "avg_pool":  # padding is not counted: the mean of ones is one
        torch.testing.assert_close(made(torch.ones(1, *shape)), torch.ones(1, *applied.output))


@given(SHAPES, st.booleans())
def test_bn(shape: tuple[int, int, int, int], affine: bool) -> None:
    applied = apply("bn", shape, affine=affine)
    compare(applied, shape)


@given(st.integers(1, 9), st.one_of(st.integers(1, 9), st.just("classes")), st.booleans())
def test_linear(features: int, out: Any, bias: bool) -> None:
    applied = apply("linear", (features,), classes=7, features=out, bias=bias)
    assert applied.output == (7 if out == "classes" else out,)
    compare(applied, (features,))


def test_functions() -> None:
    x = torch.randn(2, 3, 4, 5, 6)
    hand = {
        "relu": x.clamp(min=0),
        "hswish": x * (x + 3).clamp(0, 6) / 6,
        "pool": x.flatten(2).mean(dim=2),
    }
    for name, expected in hand.items():
        applied = apply(name, (3, 4, 5, 6))
        assert isinstance(applied.code, FunctionCode) and applied.macs == applied.params == 0
        got = eval(applied.code.expression.format(x="x"), {"F": F, "x": x})  # noqa: S307
        torch.testing.assert_close(got, expected)
        assert tuple(got.shape[1:]) == applied.output
    assert apply("skip", (3, 4, 5, 6)).code is None


@pytest.mark.parametrize("name", ["conv", "bn", "pool", "max_pool", "avg_pool"])
def test_a_vector_where_a_map_is_needed(name: str) -> None:
    values: dict[str, Any] = {"channels": 3, "kernel": (1, 1, 1)}
    names = {p.name for p in CATALOGUE[name].parameters}
    with pytest.raises(LayerError) as raised:
        apply(name, (8,), **{key: value for key, value in values.items() if key in names})
    assert raised.value.code == "E0403"


def test_what_cannot_be() -> None:
    with pytest.raises(LayerError, match="groups"):
        apply("conv", (4, 2, 2, 2), channels=6, kernel=(1, 1, 1), groups=4)
    with pytest.raises(LayerError):
        apply("linear", (3, 1, 1, 1), features=2)
    span = Span(Source("x.vns", "dropout"), 0, 7)
    dropout = CATALOGUE["dropout"]
    for share in (-0.1, 1, 1.5):
        with pytest.raises(VnsError) as caught:
            coerce(dropout.parameters[0], share, span, dropout)
        assert [d.code for d in caught.value.diagnostics] == ["E0303"]
    assert coerce(dropout.parameters[0], 0, span, dropout) == 0


def test_depthwise_and_same_take_the_channels_that_come_in() -> None:
    applied = apply("conv", (6, 2, 4, 4), channels="same", kernel=(3, 3, 3), groups="same")
    assert applied.output == (6, 2, 4, 4) and applied.params == 6 * 27 and applied.macs == 6 * 27 * 32
    compare(applied, (6, 2, 4, 4))


def test_parts_of_a_window_that_see_only_padding_are_told() -> None:
    told = apply("conv", (3, 4, 8, 8), channels=3, kernel=(3, 1, 1), dilation=(4, 1, 1)).warning
    assert told is not None and "dilation" in told.message
    assert apply("conv", (3, 5, 8, 8), channels=3, kernel=(3, 1, 1), dilation=(4, 1, 1)).warning is None
    assert apply("conv", (3, 1, 8, 8), channels=3, kernel=(1, 1, 1), stride=(2, 1, 1)).warning
