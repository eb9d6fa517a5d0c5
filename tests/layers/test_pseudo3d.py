"""The pseudo-3D operations, no connection, and batch normalisation with a start, against what they are said to be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.layers.made import SHAPES, apply, call, compare, module, triple
from vnasdsl.layers.base import FunctionCode, LayerError, ModuleCode

torch.set_num_threads(1)
ODD = st.tuples(*[st.sampled_from([1, 3, 5])] * 3)


def half(before: int, channels: int, kernel: Any, stride: Any, dilation: Any) -> nn.Sequential:
    """ReLU, depthwise in space, depthwise in time, pointwise, batch normalisation: as the page of the system has it."""
    k, s, d = kernel, stride, dilation
    pad = [d[i] * (k[i] // 2) for i in range(3)]
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv3d(
            before, before, (1, k[1], k[2]), (1, s[1], s[2]), (0, pad[1], pad[2]), (1, d[1], d[2]), before, bias=False
        ),
        nn.Conv3d(before, before, (k[0], 1, 1), (s[0], 1, 1), (pad[0], 0, 0), (d[0], 1, 1), before, bias=False),
        nn.Conv3d(before, channels, 1, bias=False),
        nn.BatchNorm3d(channels),
    )


def same_output(made: nn.Module, plain: nn.Module, shape: tuple[int, ...]) -> None:
    """With the weights of one in the other, in the order in which they are made."""
    values = [torch.rand_like(v) if v.is_floating_point() else v for v in made.state_dict().values()]
    for module_ in (made, plain.eval()):
        module_.load_state_dict(dict(zip(module_.state_dict(), values, strict=True)))
    x = torch.randn(2, *shape)
    torch.testing.assert_close(made(x), plain(x), rtol=1e-4, atol=1e-4)


@given(SHAPES, st.integers(1, 6), ODD, triple(1, 3))
@settings(max_examples=60)
def test_separable(
    shape: tuple[int, int, int, int], channels: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> None:
    applied = apply("separable", shape, channels=channels, kernel=kernel, stride=stride)
    made = compare(applied, shape)
    one = (1, 1, 1)
    plain = nn.Sequential(half(shape[0], shape[0], kernel, stride, one), half(shape[0], channels, kernel, one, one))
    same_output(made, plain, shape)


@given(SHAPES, st.integers(1, 6), ODD, triple(1, 3), triple(1, 3))
@settings(max_examples=60)
def test_dilated(
    shape: tuple[int, int, int, int],
    channels: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    dilation: tuple[int, int, int],
) -> None:
    applied = apply("dilated", shape, channels=channels, kernel=kernel, stride=stride, dilation=dilation)
    made = compare(applied, shape)
    same_output(made, half(shape[0], channels, kernel, stride, dilation), shape)


def test_the_usual_dilation_is_two() -> None:
    made = module(apply("dilated", (4, 8, 9, 9), channels="same", kernel=(3, 3, 3)))
    assert (made.space.dilation, made.time.dilation) == ((1, 2, 2), (2, 1, 1))


@pytest.mark.parametrize("name", ["separable", "dilated"])
def test_even_kernels_are_refused(name: str) -> None:
    with pytest.raises(LayerError, match="odd") as raised:
        apply(name, (4, 8, 9, 9), channels="same", kernel=(3, 4, 3))
    assert (raised.value.code, raised.value.parameter) == ("E0303", "kernel")


@given(SHAPES, triple(1, 3))
def test_none_is_zeros_of_the_shape_that_operations_with_this_stride_have(
    shape: tuple[int, int, int, int], stride: tuple[int, int, int]
) -> None:
    applied = apply("none", shape, stride=stride)
    assert isinstance(applied.code, FunctionCode) and applied.macs == applied.params == 0
    assert applied.output == apply("max_pool", shape, kernel=(3, 3, 3), stride=stride).output
    got = call(applied, torch.full((2, *shape), float("nan")))
    assert got.shape == (2, *applied.output) and (got == 0).all()


@given(SHAPES, st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_bn_begins_at_its_start(shape: tuple[int, int, int, int], start: float) -> None:
    applied = apply("bn", shape, start=start)
    made = compare(applied, shape)
    assert (made.weight == start).all() and (made.bias == 0).all() and made.weight.requires_grad
    x = torch.randn(2, *shape)
    plain = nn.BatchNorm3d(shape[0]).eval()
    torch.testing.assert_close(made(x), start * plain(x))


def test_bn_without_a_start_is_torch_s_own() -> None:
    applied = apply("bn", (4, 2, 2, 2))
    assert isinstance(applied.code, ModuleCode) and applied.code.callee == "nn.BatchNorm3d"
    with pytest.raises(LayerError) as raised:
        apply("bn", (4, 2, 2, 2), affine=False, start=0.0)
    assert raised.value.parameter == "start"
