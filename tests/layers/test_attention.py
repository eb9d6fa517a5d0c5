"""Squeeze-excite, context gate and non-local against plain modules written from their descriptions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.layers.built import randomise, same_weights
from tests.layers.made import apply, compare
from tests.oracles.tinyvideonet import ContextGate, SqueezeExcite
from vnasdsl.layers.base import LayerError, Shape

torch.set_num_threads(1)
SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))


@given(SHAPES, st.floats(0.001, 1), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_squeeze_excite(shape: Shape, ratio: float, least: int) -> None:
    made = compare(apply("squeeze_excite", shape, ratio=ratio, least=least), shape)
    oracle = SqueezeExcite(shape[0], ratio, least)
    same_weights(made, oracle)
    x = torch.randn(2, *shape)
    torch.testing.assert_close(made(x), oracle(x))


def test_squeeze_excite_of_published_widths() -> None:
    """TVN-1's first and mobile-1's first: int(512 * .9067...) = 464, and int(96 * .0046) = 0 becomes 8."""
    assert apply("squeeze_excite", (512, 1, 2, 2), ratio=0.9067600752736579).params == 2 * 512 * 464 + 512 + 464
    assert apply("squeeze_excite", (96, 1, 2, 2), ratio=0.004598785768716973).params == 2 * 96 * 8 + 96 + 8


def test_squeeze_excite_of_ratio_zero_is_nothing() -> None:
    applied = apply("squeeze_excite", (6, 2, 3, 3), ratio=0.0)
    assert applied.code is None and applied.output == (6, 2, 3, 3) and applied.macs == applied.params == 0


@given(SHAPES)
@settings(max_examples=20, deadline=None)
def test_context_gate(shape: Shape) -> None:
    made = compare(apply("context_gate", shape), shape)
    oracle = ContextGate(shape[0])
    same_weights(made, oracle)
    x = torch.randn(2, *shape)
    torch.testing.assert_close(made(x), oracle(x))


class NonLocalByPairs(nn.Module):
    """One pair of positions after the other."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.theta, self.phi, self.g = (nn.Linear(channels, inner) for _ in range(3))
        self.out = nn.Linear(inner, channels, bias=False)
        self.bn = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.empty_like(x)
        for b, clip in enumerate(x):
            places = clip.flatten(1).T
            for i, here in enumerate(places):
                likeness = torch.stack([self.theta(here) @ self.phi(there) for there in places])
                weights = (likeness / self.theta.out_features**0.5).exp()
                seen = sum(w * self.g(there) for w, there in zip(weights / weights.sum(), places, strict=True))
                out[b].view(len(here), -1)[:, i] = here + self.bn(self.out(seen)[None])[0]
        return out


@torch.no_grad()
def test_non_local() -> None:
    shape = (5, 2, 2, 3)
    made = randomise(compare(apply("non_local", shape, channels=3), shape))
    oracle = NonLocalByPairs(5, 3).eval()
    tensors = made.state_dict()
    oracle.load_state_dict({name: tensors[name].reshape(t.shape) for name, t in oracle.state_dict().items()})
    x = torch.randn(2, *shape)
    torch.testing.assert_close(made(x), oracle(x), atol=1e-4, rtol=1e-4)


def test_non_local_begins_as_nothing_and_knows_same() -> None:
    applied = apply("non_local", (4, 2, 3, 3), channels="same")
    made = compare(applied, (4, 2, 3, 3))
    x = torch.randn(1, 4, 2, 3, 3)
    torch.testing.assert_close(made(x), x)
    assert applied.attributes == (("channels", 4),)


@pytest.mark.parametrize("name", ["squeeze_excite", "context_gate", "non_local", "flow", "frame_linear", "bottleneck"])
def test_a_vector_where_a_map_is_needed(name: str) -> None:
    needed = {"squeeze_excite": {"ratio": 0.5}, "frame_linear": {"features": 3}}.get(name, {})
    if name in ("non_local", "bottleneck"):
        needed = {"channels": 3}
    with pytest.raises(LayerError) as raised:
        apply(name, (8,), **needed)
    assert raised.value.code == "E0403"


@torch.no_grad()
def test_frame_linear() -> None:
    """The description, one clip, class and frame after the other."""
    shape = (4, 3, 2, 5)
    applied = apply("frame_linear", shape, features="classes", dropout=0.5)
    assert applied.output == (5,)
    made = randomise(compare(applied, shape))
    weight, bias = made.state_dict().values()
    x = torch.randn(2, *shape)
    for clip, logits in zip(x, made(x), strict=True):
        z = [weight @ clip[:, t].mean(dim=(1, 2)) + bias for t in range(3)]
        for c in range(5):
            shares = [float((frame[c] / 3**0.5).exp()) for frame in z]
            expected = sum(share * float(frame[c]) for share, frame in zip(shares, z, strict=True)) / sum(shares)
            assert float(logits[c]) == pytest.approx(expected, abs=1e-5)
    frozen = apply("frame_linear", (4, 1, 2, 2), features=3)  # one frame: the logits themselves
    made = randomise(compare(frozen, (4, 1, 2, 2)))
    x = torch.randn(2, 4, 1, 2, 2)
    weight, bias = made.state_dict().values()
    torch.testing.assert_close(made(x), x.mean(dim=(2, 3, 4)) @ weight.T + bias)


def test_dropout_of_frame_linear_acts_while_training() -> None:
    made = compare(apply("frame_linear", (64, 2, 2, 2), features=3, dropout=0.5), (64, 2, 2, 2))
    x = torch.randn(1, 64, 2, 2, 2)
    made.train()
    torch.manual_seed(0)
    assert not torch.equal(made(x), made(x))
    made.eval()
    assert torch.equal(made(x), made(x))
