"""Stochastic depth at the end of a residual, alone, in networks and in supernets."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from tests.codegen.code import child, read, shuffle, supernet
from tests.layers.made import apply, compare, module
from tests.layers.test_streams import compiled
from tests.oracles import originals
from tests.space.test_name_faults import NET, faults

MIXED = """
block branch(side) { conv(same, (3, side, side)) -> bn -> drop_path(0.5) }
space s {
  input clip = video(frames=2, size=8, classes=3)
  stage s1 {
    conv(4 | 8, 1x1x1) -> bn
    2 * (residual { branch(1 | 3) } | skip)
    sum(skip, conv(same, 1x1x1) -> drop_path(0.25))
  }
  pool -> linear(classes)
}
"""


@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (7,)])
def test_each_clip_is_kept_or_dropped_and_the_mean_stays(shape: tuple[int, ...]) -> None:
    applied = apply("drop_path", shape, share=0.3)
    layer, x = module(applied), torch.rand(4000, *shape) + 1
    assert torch.equal(compare(applied, shape).eval()(x), x)
    torch.manual_seed(0)
    out = layer.train()(x)
    ratio = (out / x).flatten(1)
    assert torch.equal(ratio.amin(1) > 0, ratio.amax(1) > 0)  # all of a clip or nothing
    kept = ratio[:, 0] > 0
    torch.testing.assert_close(out[kept], x[kept] / 0.7)
    assert abs(kept.double().mean().item() - 0.7) < 4 * (0.3 * 0.7 / 4000) ** 0.5
    assert apply("drop_path", shape, share=0.0).code is None


@pytest.mark.slow
def test_it_is_the_row_mode_of_torchvision() -> None:
    theirs = originals.load("torchvision.ops.stochastic_depth").stochastic_depth
    for share in (0.1, 0.5, 0.9):
        x = torch.randn(64, 3, 2, 4, 4)
        layer = module(apply("drop_path", (3, 2, 4, 4), share=share)).train()
        torch.manual_seed(1)
        mine = layer(x)
        torch.manual_seed(1)
        torch.testing.assert_close(mine, theirs(x, share, "row", training=True))


def test_a_residual_is_left_out_for_the_clips_that_are_drawn() -> None:
    block = "block part { residual { conv(same, 3x3x3) -> bn -> drop_path(0.5) } }\n"
    _, model = compiled(block + NET.format(lines="part"))
    (part,) = (part for part in model.modules() if hasattr(part, "drop_path"))
    clips = torch.randn(16, 3, 8, 8, 8)
    torch.manual_seed(2)
    same = [torch.equal(after, before) for after, before in zip(part.train()(clips), clips, strict=True)]
    assert 0 < sum(same) < 16


def test_a_path_of_a_supernet_drops_what_its_network_drops() -> None:
    """In training, for the same draws; and all choices of the mixture get gradients."""
    space = read(MIXED)
    model = supernet(space).double()
    shuffle(model)
    drawn = random.Random(3)
    clips = torch.randn(8, *space.input.shape, dtype=torch.float64)
    for _ in range(4):
        way = space.sample(drawn)
        model.set_choices(way)
        own = child(space, way, model)
        torch.manual_seed(4)
        expected = own.train()(clips)
        torch.manual_seed(4)
        torch.testing.assert_close(model.train()(clips), expected)
    mixed = supernet(space)
    mixed.train()(clips.float()).logsumexp(1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in mixed.choice_parameters())


@pytest.mark.parametrize(
    "lines",
    [
        "conv(8, 1x1x1) -> drop_path(0.2)",
        "drop_path(0.2) -> conv(8, 1x1x1)",
        "residual { drop_path(0.2) -> conv(same, 1x1x1) }",
        "residual { conv(same, 1x1x1) -> drop_path(0.2)\n bn }",
        "residual { 2 * (bn -> drop_path(0.2)) }",
        "stage s { relu | bn -> drop_path(0.2) }",
    ],
)
def test_it_stands_at_the_end_of_a_branch_alone(tmp_path: Path, lines: str) -> None:
    fault, *_ = faults(tmp_path, NET.format(lines=lines).replace("network", "space"))
    assert (fault.code, fault.message) == ("E0304", "`drop_path` cannot stand here")


@pytest.mark.parametrize(
    "lines",
    [
        "residual { conv(same, 1x1x1) -> (drop_path(0.2) | bn) }",
        "sum(skip, bn -> drop_path(0.2))",
        "a = bn -> drop_path(0.2)\n  sum(a, clip)",
        "residual { layer_norm -> drop_path(0.2) if frames > 1 else skip }",
    ],
)
def test_where_it_may_stand(tmp_path: Path, lines: str) -> None:
    assert faults(tmp_path, NET.format(lines=lines).replace("network", "space")) == []
