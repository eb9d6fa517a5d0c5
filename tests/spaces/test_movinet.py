"""MoViNet: A0 and its stream, as in the zoo, against a plain module; networks of the search space."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.codegen.code import child
from tests.layers.test_streams import agree
from tests.oracles.movinet import A0, MoViNet
from tests.support import ROOT
from vnasdsl.elaborate import Overrides, load
from vnasdsl.train.generated import build


@pytest.mark.parametrize(("name", "params"), [("movinet_a0", 3_111_799), ("movinet_a0_stream", 3_748_031)])
def test_a0(name: str, params: int) -> None:
    space = load(ROOT / "spaces" / "zoo" / "movinet.vns", Overrides(frames=4, size=42)).get(name)
    assert space.params == (params, params)
    oracle = MoViNet(A0, 8, 480, 600, stream=name.endswith("stream"))
    agree(build(space), oracle, oracle.parts, torch.randn(2, *space.input.shape))


@pytest.mark.parametrize("name", ["movinet", "movinet_stream"])
def test_networks_of_the_space(name: str) -> None:
    """Costs as torch counts them; the widths of A2 are among the choices."""
    space = load(ROOT / "spaces" / "movinet.vns", Overrides(frames=3, size=32)).get(name)
    widths = [choice.options for choice in space.choices if choice.name.endswith((".width", "stem.conv.channels"))]
    assert all(str(width) in options for width, options in zip((16, 16, 40, 72, 72, 144), widths, strict=True))
    choices = space.sample(Random(1))
    network = space.network(choices)
    model = child(space, choices).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        out = model(torch.randn(1, *space.input.shape))
    assert tuple(out.shape) == (1, 600)
    assert sum(p.numel() for p in model.parameters()) == network.params[0]
    assert counter.get_total_flops() == 2 * network.macs[0]
