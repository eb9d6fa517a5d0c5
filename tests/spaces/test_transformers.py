"""TimeSformer and UniFormer of the zoo give what plain modules written from their papers give."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.oracles.transformers import TimeSformer, UniFormer
from tests.spaces.test_zoo import fill
from tests.support import ROOT
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.source import Source
from vnasdsl.train.generated import build


def of_zoo(name: str, network: str, frames: int, size: int, *changes: tuple[str, str]) -> Space:
    """A network of the zoo for smaller clips, with some of its text changed."""
    path = ROOT / "spaces" / "zoo" / f"{name}.vns"
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_source(Source(path.name, text), path, Overrides(frames, size)).get(network)


@torch.no_grad()
def assert_equal(space: Space, oracle: nn.Module) -> None:
    torch.manual_seed(0)
    ours = fill(build(space)).eval()
    mine, theirs = list(ours.state_dict().values()), list(oracle.state_dict().values())
    assert [t.numel() for t in mine] == [t.numel() for t in theirs]
    for tensor, given in zip(theirs, mine, strict=True):
        tensor.copy_(given.reshape(tensor.shape))
    clips = torch.randn(2, *space.input.shape)
    expected = oracle.eval()(clips)
    assert float(expected.std()) > 0.01
    torch.testing.assert_close(ours(clips), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("depth", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_timesformer(depth: int) -> None:
    """At 2 x 64 x 64, that is 2 x 4 x 4 patches."""
    space = of_zoo("timesformer", "timesformer", 2, 64, ("8x14x14", "2x4x4"), ("12 * layer", f"{depth} * layer"))
    assert_equal(space, TimeSformer(2, 4, 400, depth=depth))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "depths"), [("uniformer_s", (3, 4, 8, 3)), ("uniformer_b", (5, 8, 20, 7))])
def test_uniformer(name: str, depths: tuple[int, ...]) -> None:
    assert_equal(of_zoo("uniformer", name, 4, 64), UniFormer(depths, 400))


@pytest.mark.slow
def test_parameters_at_the_full_size() -> None:
    """With 400 classes, as in the authors' code."""
    with torch.device("meta"):
        found = [TimeSformer(8, 14, 400), UniFormer((3, 4, 8, 3), 400), UniFormer((5, 8, 20, 7), 400)]
    assert [sum(p.numel() for p in each.parameters()) for each in found] == [121_566_352, 21_400_400, 49_813_200]
