"""MoViNet-A0 and its stream, as in the zoo, against a plain module."""

from __future__ import annotations

import pytest
import torch

from tests.layers.test_streams import agree
from tests.oracles.movinet import A0, MoViNet
from tests.support import ROOT
from vnasdsl.elaborate import Overrides, load
from vnasdsl.train.generated import build


@pytest.mark.parametrize(("name", "params"), [("movinet_a0", 3_111_799), ("movinet_a0_stream", 3_748_031)])
def test_a0(name: str, params: int) -> None:
    space = load(ROOT / "spaces" / "zoo" / "movinet.vns", Overrides(frames=4, size=42)).get(name)
    assert space.params == (params, params)
    model = build(space)
    oracle = MoViNet(A0, 8, 480, 600, stream=name.endswith("stream"))
    clips = torch.randn(2, *space.input.shape)
    agree(model, oracle, oracle.parts, clips)
    if name.endswith("stream"):  # before the mean over frames no frame sees a later one; the mean is of all
        later = clips.clone()
        later[:, :, 3] += 1
        assert not torch.equal(model(clips), model(later))
