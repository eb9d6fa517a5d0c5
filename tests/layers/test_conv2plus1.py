"""The (2+1)-D convolution against two convolutions written down by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.layers.made import PADDING, SHAPES, WORDS, apply, compare, sides, triple
from vnasdsl.layers.base import LayerError

torch.set_num_threads(1)
ORDERS = st.sampled_from(["space_first", "time_first"])


def only(values: tuple[int, int, int], space: bool, other: int) -> tuple[int, int, int]:
    """The sizes of one part: those along rows and columns, or that along frames."""
    return (other, values[1], values[2]) if space else (values[0], other, other)


def part(x: torch.Tensor, weight: torch.Tensor, space: bool, window: dict[str, Any]) -> torch.Tensor:
    """One convolution over an input with zeros around it as `padding` asks for, and no more outputs than it says."""
    stride, dilation = (only(window[name], space, 1) for name in ("stride", "dilation"))
    found = sides(window["padding"], x.shape[2:], window["kernel"], window["stride"], window["dilation"])
    found = [(0, 0) if (i == 0) == space else pair for i, pair in enumerate(found)]
    wide = F.pad(x, [p for side in reversed(found) for p in side])
    return F.conv3d(wide, weight, None, stride, 0, dilation)


@given(
    SHAPES,
    st.integers(1, 7),
    triple(1, 4),
    triple(1, 3),
    triple(1, 2),
    PADDING,
    ORDERS,
    st.sampled_from("equal half matched".split()),
)
@settings(max_examples=150)
def test_two_convolutions(
    shape: tuple[int, int, int, int],
    channels: int,
    kernel: tuple[int, int, int],
    stride: tuple[int, int, int],
    dilation: tuple[int, int, int],
    padding: Any,
    order: str,
    mid: str,
) -> None:
    window = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    try:
        applied = apply("conv2plus1", shape, channels=channels, order=order, mid=mid, **window)
    except LayerError as fault:
        assert fault.code == "E0401" and padding not in WORDS
        with pytest.raises(LayerError):
            apply("conv", shape, channels=channels, **window)
        return
    made = compare(applied, shape)
    assert applied.output == apply("conv", shape, channels=channels, **window).output
    x = torch.randn(2, *shape)
    space = order == "space_first"
    with torch.no_grad():
        made.norm.running_mean.uniform_(-1, 1)
        made.norm.bias.uniform_(-1, 1)  # zeros around the second input are not zeros of the first
        between = nn.functional.batch_norm(
            part(x, made.first.weight, space, window),
            made.norm.running_mean,
            made.norm.running_var,
            made.norm.weight,
            made.norm.bias,
        )
        expected = part(between.clamp(min=0), made.second.weight, not space, window)
        torch.testing.assert_close(made(x), expected, rtol=1e-4, atol=1e-5)


def test_the_three_widths_between() -> None:
    shape = (64, 8, 14, 14)

    def mid(rule: str, channels: int, kernel: tuple[int, int, int] = (3, 3, 3), **more: Any) -> int:
        made = compare(apply("conv2plus1", shape, channels=channels, kernel=kernel, mid=rule, **more), shape)
        return int(made.norm.num_features)

    assert (mid("equal", 10), mid("half", 10), mid("half", 11)) == (10, 5, 5)
    assert mid("matched", 64) == 144  # R(2+1)D prints 144 for 64 -> 64 with 3x3x3
    assert mid("matched", 128) == 230  # and 230 for 64 -> 128
    assert mid("matched", 128, (5, 3, 3), order="time_first") == 5 * 9 * 64 * 128 // (5 * 64 + 9 * 128)
    assert mid("half", 1) == mid("matched", 1, (1, 1, 1)) == 1  # never none


@given(st.integers(1, 64), st.integers(1, 64), triple(1, 5), ORDERS)
def test_matched_is_the_most_with_no_more_weights_than_one_convolution(
    before: int, channels: int, kernel: tuple[int, int, int], order: str
) -> None:
    shape = (before, 2, 3, 3)
    applied = apply("conv2plus1", shape, channels=channels, kernel=kernel, order=order)
    (mid,) = (value for name, value in applied.attributes if name == "mid")
    whole = apply("conv", shape, channels=channels, kernel=kernel).params
    weights = applied.params - 2 * mid
    for_each = weights // mid
    assert for_each * mid == weights
    assert (weights <= whole or mid == 1) and for_each * (mid + 1) > whole


def test_evanet_has_time_first_and_half() -> None:
    """[t,1,1] to width // 2 and then [1,k,k], and no bias."""
    applied = apply(
        "conv2plus1", (3, 8, 16, 16), channels=64, kernel=(3, 7, 7), stride=(2, 2, 2), order="time_first", mid="half"
    )
    assert applied.params == 3 * 3 * 32 + 2 * 32 + 49 * 32 * 64
    assert applied.macs == 3 * 3 * 32 * 4 * 16 * 16 + 49 * 32 * 64 * 4 * 8 * 8
    made = compare(applied, (3, 8, 16, 16))
    assert (made.first.kernel_size, made.first.stride) == ((3, 1, 1), (2, 1, 1))
    assert (made.second.kernel_size, made.second.stride) == ((1, 7, 7), (1, 2, 2))
