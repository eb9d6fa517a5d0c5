"""Joins against plain torch: concat, sum, mean, and weighted fusion."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layers.built import evaluate, join, same_weights
from tests.layers.made import compare, module
from tests.oracles.assemblenet import Fusion
from vnasdsl.layers.base import FunctionCode, LayerError, Shape

torch.set_num_threads(1)


@pytest.mark.parametrize("shapes", [[(3, 2, 4, 5), (1, 2, 4, 5), (2, 2, 4, 5)], [(3,), (4,)], [(6, 1, 2, 2)]])
def test_concat(shapes: list[Shape]) -> None:
    applied = join("concat", *shapes)
    inputs = [torch.randn(2, *shape) for shape in shapes]
    assert isinstance(applied.code, FunctionCode) and applied.macs == applied.params == 0
    out = evaluate(applied.code.expression, *inputs)
    assert tuple(out.shape) == (2, *applied.output)
    start = 0
    for x in inputs:  # in the order of the inputs
        assert torch.equal(out[:, start : start + x.shape[1]], x)
        start += x.shape[1]
    assert start == out.shape[1]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (7,)])
def test_sum_and_mean(shape: Shape, count: int) -> None:
    inputs = [torch.randn(2, *shape) for _ in range(count)]
    for name, expected in (("sum", torch.stack(inputs).sum(dim=0)), ("mean", torch.stack(inputs).mean(dim=0))):
        applied = join(name, *[shape] * count)
        assert applied.output == shape and applied.macs == applied.params == 0
        assert isinstance(applied.code, FunctionCode)
        torch.testing.assert_close(evaluate(applied.code.expression, *inputs), expected)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("concat", [(3, 2, 4, 5), (3, 2, 4, 4)]),
        ("concat", [(3,), (3, 2, 4, 4)]),
        ("sum", [(3, 2, 4, 5), (3, 2, 4, 5), (4, 2, 4, 5)]),
        ("mean", [(3,), (3, 1, 1, 1)]),
    ],
)
def test_unequal_shapes(name: str, shapes: list[Shape]) -> None:
    with pytest.raises(LayerError) as raised:
        join(name, *shapes)
    assert raised.value.code == "E0409"


SIZES = st.tuples(*[st.sampled_from([1, 1, 3])] * 4)


@given(st.lists(SIZES, min_size=1, max_size=4), st.booleans())
def test_product_broadcasts_as_torch_does(shapes: list[Shape], maps: bool) -> None:
    shapes = shapes if maps else [shape[:1] for shape in shapes]
    applied = join("product", *shapes)
    inputs = [torch.randn(2, *shape) for shape in shapes]
    assert isinstance(applied.code, FunctionCode) and applied.macs == applied.params == 0
    expected = torch.stack(torch.broadcast_tensors(*inputs)).prod(dim=0)
    assert tuple(expected.shape) == (2, *applied.output)
    torch.testing.assert_close(evaluate(applied.code.expression, *inputs), expected)


@pytest.mark.parametrize("shapes", [[(4,), (3, 2, 4, 4)], [(3, 2, 4, 4), (3, 2, 4, 2)], [(2,), (3,)]])
def test_shapes_that_do_not_broadcast(shapes: list[Shape]) -> None:
    with pytest.raises(LayerError, match="`product` cannot multiply") as raised:
        join("product", *shapes)
    assert raised.value.code == "E0409" and raised.value.help is not None and "linear(n)" in raised.value.help


INPUTS = st.lists(st.tuples(st.sampled_from([2, 3, 6]), st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=5)


@given(INPUTS, st.integers(1, 3), st.booleans())
@settings(max_examples=40, deadline=None)
def test_weighted(inputs: list[tuple[int, int, int]], frames: int, learned: bool) -> None:
    shapes: list[Shape] = [(c, frames, h, w) for c, h, w in inputs]
    by: Any = "learned" if learned else tuple(0.1 * (i + 1) for i in range(len(shapes)))
    applied = join("weighted", *shapes, by=by)
    made = compare(applied, *shapes)
    oracle = Fusion([shape[0] for shape in shapes], None if learned else by)
    if not learned:
        torch.testing.assert_close(made.edges.detach(), torch.tensor(by))
    assert made.edges.requires_grad == learned
    same_weights(made, oracle)
    clips = [torch.randn(2, *shape) for shape in shapes]
    torch.testing.assert_close(made(*clips), oracle(clips), atol=1e-5, rtol=1e-5)


def test_weighted_by_hand() -> None:
    """Two streams of equal width, one twice as large: its windows of 2x2 count with their largest value."""
    made = module(join("weighted", (1, 1, 2, 2), (1, 1, 4, 4), by=(0.5, 2.0)))
    small, large = torch.ones(1, 1, 1, 2, 2), torch.arange(16.0).reshape(1, 1, 1, 4, 4)
    expected = 0.5 + 2 * torch.tensor([[5.0, 7], [13, 15]])
    torch.testing.assert_close(made(small, large)[0, 0, 0], expected)
    learned = module(join("weighted", (1, 1, 2, 2), (1, 1, 4, 4)))
    torch.testing.assert_close(learned(small, large)[0, 0, 0].detach(), 0.5 + torch.tensor([[2.5, 3.5], [6.5, 7.5]]))


def test_a_single_input_has_no_weight() -> None:
    applied = join("weighted", (3, 2, 4, 4))
    x = torch.randn(1, 3, 2, 4, 4)
    assert applied.params == 0 and applied.warning is None and isinstance(applied.code, FunctionCode)
    assert evaluate(applied.code.expression, x) is x
    idle = join("weighted", (3, 2, 4, 4), by=(0.5,))
    assert idle.params == 0 and idle.warning is not None and idle.warning.parameter == "by"


def test_what_cannot_be_fused() -> None:
    with pytest.raises(LayerError, match="streams of 8, 16 and 4 frames") as raised:
        join("weighted", (3, 8, 4, 4), (3, 16, 4, 4), (3, 4, 4, 4))
    assert raised.value.code == "E0407"
    with pytest.raises(LayerError, match="has 2 inputs and 3 weights") as raised:
        join("weighted", (3, 8, 4, 4), (3, 8, 4, 4), by=(0.1, 0.2, 0.3))
    assert raised.value.code == "E0408" and raised.value.parameter == "by"
    with pytest.raises(LayerError) as raised:
        join("weighted", (3,), (3,))
    assert raised.value.code == "E0403"
