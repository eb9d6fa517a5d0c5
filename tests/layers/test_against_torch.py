"""Shapes, costs and code of every layer of the catalogue against torch itself."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.layers.made import PADDING, SHAPES, WORDS, apply, call, compare, module, sides, triple
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source, Span
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import LayerError, ModuleCode
from vnasdsl.space.values import coerce

torch.set_num_threads(1)


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
    window = (padding, shape[1:], kernel, stride, dilation)
    try:
        applied = apply("conv", shape, **arguments, groups=groups, bias=bias)
    except LayerError as fault:
        refused = fault.code
    else:
        made = compare(applied, shape)
        if padding in WORDS:
            assert applied.output[1:] == tuple(-(-n // s) for n, s in zip(shape[1:], stride, strict=True))
        x = torch.randn(2, *shape)
        expected = F.conv3d(padded(x, window), made.weight, made.bias, stride, 0, dilation, groups)
        torch.testing.assert_close(made(x), expected, rtol=1e-4, atol=1e-5)
        return
    assert refused == "E0401" and padding not in WORDS  # torch refuses it as well
    with pytest.raises(RuntimeError):
        nn.Conv3d(shape[0], channels, kernel, stride, 0, dilation)(padded(torch.randn(2, *shape), window))


def padded(x: torch.Tensor, window: Any) -> torch.Tensor:
    return F.pad(x, [p for side in reversed(sides(*window)) for p in side])


@given(SHAPES, st.sampled_from(["max_pool", "avg_pool"]), triple(1, 4), triple(1, 3), PADDING)
@settings(max_examples=150)
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
        assert fault.code in ("E0401", "E0303") and padding not in WORDS
        return
    made = compare(applied, shape)
    x = torch.randn(1, *shape)
    if padding in WORDS:
        assert applied.output[1:] == tuple(-(-n // s) for n, s in zip(shape[1:], stride, strict=True))
    before = [side[0] for side in sides(padding, shape[1:], kernel, stride)]
    torch.testing.assert_close(made(x), pooled(x, name, kernel, stride, before, applied.output[1:]))


def pooled(
    x: torch.Tensor, name: str, kernel: Any, stride: Any, before: list[int], size: tuple[int, ...]
) -> torch.Tensor:
    """The definition: the largest or mean of the values that lie below the window, position by position."""
    out = torch.empty(*x.shape[:2], *size)
    for place in product(*(range(n) for n in size)):
        ranges = []
        for i in range(3):
            start = place[i] * stride[i] - before[i]
            ranges.append(slice(max(start, 0), start + kernel[i]))
        values = x[:, :, ranges[0], ranges[1], ranges[2]].flatten(2)
        out[:, :, place[0], place[1], place[2]] = values.amax(2) if name == "max_pool" else values.mean(2)
    return out


@given(SHAPES, triple(1, 4), triple(1, 3), triple(1, 2), st.sampled_from(["causal", "tf_causal"]))
def test_no_frame_sees_a_later_one(shape: Any, kernel: Any, stride: Any, dilation: Any, padding: str) -> None:
    """What comes after the first frame changes nothing of the first output."""
    window = {"kernel": kernel, "stride": stride, "padding": padding}
    for name in ("conv", "max_pool", "avg_pool", "conv2plus1", "itgm"):
        more: dict[str, Any] = {"dilation": dilation} if name in ("conv", "conv2plus1") else {}
        more |= {} if "pool" in name else {"channels": 2}
        made = module(apply(name, shape, **window, **more)).eval()
        x = torch.randn(1, *shape)
        later = x.clone()
        later[:, :, 1:] += 1
        torch.testing.assert_close(made(x)[:, :, 0], made(later)[:, :, 0])


def test_even_kernels_pad_as_tensorflow_does() -> None:
    """Worked by hand: TensorFlow gives the odd cell to the end, and pads nothing where nothing is missing."""
    x = torch.arange(5.0).view(1, 1, 1, 1, 5)
    odd = apply("max_pool", (1, 1, 1, 5), kernel=(1, 1, 2), stride=(1, 1, 2))
    assert module(odd)(x).flatten().tolist() == [1, 3, 4]
    assert module(odd)(-x).flatten().tolist() == [0, -2, -4]  # padding is never the largest
    mean = apply("avg_pool", (1, 1, 1, 5), kernel=(1, 1, 2))
    assert module(mean)(x).flatten().tolist() == [0.5, 1.5, 2.5, 3.5, 4]
    even = apply("conv", (1, 1, 4, 6), channels=1, kernel=(1, 2, 2), stride=(1, 2, 2))
    assert isinstance(even.code, ModuleCode) and even.code.callee == "nn.Conv3d"
    four = apply("conv", (1, 1, 8, 8), channels=1, kernel=(1, 4, 4), stride=(1, 2, 2))  # 1 cell on both sides
    assert isinstance(four.code, ModuleCode) and four.code.callee == "nn.Conv3d"
    assert ("padding", (0, 1, 1)) in four.attributes and four.output == (1, 1, 4, 4)


@given(SHAPES, triple(1, 4), triple(1, 3), triple(1, 2), PADDING)
@settings(max_examples=60)
def test_depthwise(
    shape: tuple[int, int, int, int],
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    dilation: tuple[int, int, int],
    padding: Any,
) -> None:
    """The same as the convolution with a group for every channel."""
    window = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    try:
        applied = apply("depthwise", shape, **window)
    except LayerError as fault:
        with pytest.raises(LayerError) as raised:
            apply("conv", shape, channels="same", groups="same", **window)
        assert raised.value.code == fault.code
        return
    made = compare(applied, shape)
    other = apply("conv", shape, channels="same", groups="same", **window)
    assert (applied.output, applied.macs, applied.params) == (other.output, other.macs, other.params)
    same = module(other)
    same.load_state_dict(made.state_dict())
    x = torch.randn(1, *shape)
    torch.testing.assert_close(made(x), same(x))


@given(SHAPES, st.booleans())
def test_bn(shape: tuple[int, int, int, int], affine: bool) -> None:
    applied = apply("bn", shape, affine=affine)
    compare(applied, shape)


@pytest.mark.parametrize("start", [1.0, 0.5])
def test_bn_with_other_numbers(start: float) -> None:
    made = module(apply("bn", (3, 2, 4, 5), eps=0.01, momentum=0.25, start=start))
    oracle = nn.BatchNorm3d(3, eps=0.01, momentum=0.25)
    nn.init.constant_(oracle.weight, start)
    x = 0.1 * torch.randn(2, 3, 2, 4, 5)
    for _ in range(2):
        torch.testing.assert_close(made(x), oracle(x))
    torch.testing.assert_close(made.state_dict(), oracle.state_dict())
    usual = apply("bn", (3, 2, 4, 5))
    assert usual.attributes == apply("bn", (3, 2, 4, 5), eps=1e-5, momentum=0.1).attributes


@given(st.integers(1, 9), st.one_of(st.integers(1, 9), st.sampled_from(["classes", "same"])), st.booleans())
def test_linear(features: int, out: Any, bias: bool) -> None:
    applied = apply("linear", (features,), classes=7, features=out, bias=bias)
    assert applied.output == ({"classes": 7, "same": features}.get(out, out),)
    compare(applied, (features,))


def test_functions() -> None:
    x = torch.randn(2, 3, 4, 5, 6)
    hand = {
        "relu": x.clamp(min=0),
        "relu6": x.clamp(0, 6),
        "leaky_relu": x.clamp(min=0) + 0.01 * x.clamp(max=0),
        "elu": x.clamp(min=0) + x.clamp(max=0).exp() - 1,
        "gelu": x * 0.5 * (1 + (x / 2**0.5).erf()),
        "silu": x / (1 + (-x).exp()),
        "hardswish": x * (x + 3).clamp(0, 6) / 6,
        "mish": x * (1 + x.exp()).log().tanh(),
        "sigmoid": 1 / (1 + (-x).exp()),
        "hardsigmoid": (x + 3).clamp(0, 6) / 6,
        "tanh": (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
        "softplus": (1 + x.exp()).log(),
        "pool": x.flatten(2).mean(dim=2),
    }
    for name, expected in hand.items():
        applied = apply(name, (3, 4, 5, 6))
        assert applied.macs == applied.params == 0
        got = call(applied, x)
        torch.testing.assert_close(got, expected)
        assert tuple(got.shape[1:]) == applied.output
    assert apply("skip", (3, 4, 5, 6)).code is None


@pytest.mark.parametrize("name", ["conv", "depthwise", "bn", "pool", "max_pool", "avg_pool"])
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


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 3), st.integers(1, 4))
def test_a_warning_says_that_a_weight_has_no_effect(n: int, kernel: int, stride: int, dilation: int) -> None:
    """With same padding: told is exactly when the dilation reaches past the axis and some weight gets no gradient."""
    applied = apply(
        "conv", (1, 1, 1, n), channels=1, kernel=(1, 1, kernel), stride=(1, 1, stride), dilation=(1, 1, dilation)
    )
    made = module(applied)
    made(torch.ones(1, 1, 1, 1, n)).sum().backward()
    idle = bool((made.weight.grad == 0).any())
    warned = applied.warning is not None and applied.warning.parameter == "dilation"
    assert warned == (idle and dilation >= n)


def test_a_convolution_to_the_classes() -> None:
    applied = apply("conv", (6, 2, 4, 4), classes=7, channels="classes", kernel=(1, 1, 1))
    assert applied.output == (7, 2, 4, 4) and ("channels", 7) in applied.attributes
    compare(applied, (6, 2, 4, 4))
