"""The inflated temporal Gaussian mixture against its formulas, number by number."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layers.made import PADDING, SHAPES, WORDS, apply, compare, module, sides, triple
from vnasdsl.layers.base import LayerError, ModuleCode

torch.set_num_threads(1)


def kernel_by_hand(made: Any) -> torch.Tensor:
    """W of the reference, in plain loops of Python numbers: (channels, in_channels, length, rows, columns)."""
    length = made.length
    components, channels, before = made.mixture.shape
    curves = []
    for m in range(components):
        centre = (length - 1) * (math.tanh(made.centres[m].item()) + 1) / 2
        width = math.exp(1.5 - 2 * abs(math.tanh(made.widths[m].item())))
        f = [1 / (math.pi * width * ((place - centre) / width) ** 2 + 1) for place in range(length)]
        curves.append([value / (sum(f) + 1e-6) for value in f])
    weight = torch.empty(channels, before, length, *made.spatial.shape[3:])
    for o in range(channels):
        for i in range(before):
            powers = [math.exp(made.mixture[m, o, i].item()) for m in range(components)]
            for place in range(length):
                k = sum(powers[m] / sum(powers) * curves[m][place] for m in range(components))
                weight[o, i, place] = made.spatial[o, i, 0] * k
    return weight


@given(SHAPES, st.integers(1, 4), st.integers(2, 6), st.integers(1, 4), triple(1, 3), PADDING, st.integers(1, 5))
@settings(max_examples=60)
def test_a_convolution_with_the_kernel_of_the_formulas(
    shape: tuple[int, int, int, int],
    channels: int,
    length: int,
    width: int,
    stride: tuple[int, int, int],
    padding: Any,
    components: int,
) -> None:
    kernel = (length, width, 3)
    window = {"kernel": kernel, "stride": stride, "padding": padding}
    try:
        applied = apply("itgm", shape, channels=channels, components=components, **window)
    except LayerError as fault:
        assert fault.code == "E0401" and padding not in WORDS
        return
    made = compare(applied, shape)
    plain = apply("conv", shape, channels=channels, **window)
    assert (applied.output, applied.macs) == (plain.output, plain.macs)
    assert applied.params == shape[0] * channels * (width * 3 + components) + 2 * components
    x = torch.randn(1, *shape)
    wide = F.pad(x, [p for side in reversed(sides(padding, shape[1:], kernel, stride)) for p in side])
    with torch.no_grad():
        expected = F.conv3d(wide, kernel_by_hand(made), None, stride)
        torch.testing.assert_close(made(x), expected, rtol=1e-4, atol=1e-5)


@given(st.integers(2, 12), st.integers(1, 6))
def test_every_curve_sums_to_one(length: int, components: int) -> None:
    made = module(apply("itgm", (2, 12, 3, 3), channels=3, kernel=(length, 3, 3), components=components))
    sums = made.curves().sum(dim=1)
    assert sums.shape == (components,)
    assert ((sums <= 1 + 1e-6) & (sums > 1 - 1e-5)).all()
    along = made.weight().sum(dim=2) / made.spatial[:, :, 0]  # so a still video sees the kernel over rows and columns
    torch.testing.assert_close(along, torch.ones_like(along), rtol=1e-4, atol=1e-4)


def test_the_length_costs_no_parameters() -> None:
    params = {apply("itgm", (8, 12, 4, 4), channels=6, kernel=(length, 3, 3)).params for length in range(2, 12)}
    assert params == {8 * 6 * 9 + 4 * 8 * 6 + 8}


def test_one_frame_long_it_is_the_plain_convolution() -> None:
    applied = apply("itgm", (8, 4, 5, 5), channels=6, kernel=(1, 3, 3), stride=(1, 2, 2))
    plain = apply("conv", (8, 4, 5, 5), channels=6, kernel=(1, 3, 3), stride=(1, 2, 2))
    assert isinstance(applied.code, ModuleCode) and applied.code == plain.code
    assert (applied.output, applied.macs, applied.params) == (plain.output, plain.macs, plain.params)
    compare(applied, (8, 4, 5, 5))


def test_every_parameter_gets_a_gradient() -> None:
    made = module(apply("itgm", (2, 5, 4, 4), channels=3, kernel=(3, 3, 3)))
    made(torch.randn(1, 2, 5, 4, 4)).square().sum().backward()
    assert all((p.grad != 0).any() for p in made.parameters())
