"""MoViNet: the networks of the zoo against plain modules, and in the search space; networks of that space."""

from __future__ import annotations

import re
from random import Random

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.codegen.code import child
from tests.layers.test_streams import agree
from tests.oracles.movinet import TABLES, MoViNet
from tests.support import ROOT, shipped, some_slow
from vnasdsl.elaborate import Overrides, load
from vnasdsl.train.generated import build

PARAMETERS = {
    "a0": 3_111_799,
    "a0_stream": 3_748_031,
    "a1": 4_690_296,
    "a1_stream": 6_447_352,
    "a2": 5_249_562,
    "a2_stream": 7_326_962,
}
"""As the port to PyTorch that the zoo names has them."""


EACH = [pytest.param(name, marks=() if name[:2] == "a0" else pytest.mark.slow) for name in PARAMETERS]


@pytest.mark.parametrize("name", EACH)
def test_it_gives_what_its_oracle_gives(name: str) -> None:
    space = load(ROOT / "spaces" / "zoo" / "movinet.vns", Overrides(frames=4, size=42)).get(f"movinet_{name}")
    blocks, stem, top = TABLES[name[:2]]
    oracle = MoViNet(blocks, stem, top, 600, stream=name.endswith("stream"))
    assert sum(p.numel() for p in oracle.parameters()) == space.params[0] == PARAMETERS[name]
    clips = torch.randn(2, *space.input.shape, dtype=torch.float64)
    agree(build(space).double(), oracle.double(), oracle.parts, clips, within=1e-9)


@pytest.mark.parametrize("name", EACH)
def test_it_lies_in_the_space_with_the_units_of_the_paper(name: str) -> None:
    made = shipped("zoo/movinet").get(f"movinet_{name}").claimed_choices() or {}
    blocks, stem, _ = TABLES[name[:2]]
    assert made["s1.width"] == str(stem)
    for i, units in enumerate(blocks, 2):
        mine = {key.removeprefix(f"s{i}."): value for key, value in made.items() if key.startswith(f"s{i}.")}
        assert [value for key, value in mine.items() if key.endswith("width")] == [str(units[0][0])]
        assert [value for key, value in mine.items() if key.endswith("channels")] == [str(unit[1]) for unit in units]
        kernels = [value for key, value in mine.items() if key.endswith("op")]
        assert [tuple(map(int, re.findall(r"\d+", value)[:2])) for value in kernels] == [unit[2:] for unit in units]


@pytest.mark.parametrize("name", some_slow(["movinet", "movinet_stream"], {"movinet_stream"}))
def test_networks_of_the_space(name: str) -> None:
    """Costs as torch counts them."""
    space = load(ROOT / "spaces" / "movinet.vns", Overrides(frames=3, size=32)).get(name)
    choices = space.sample(Random(1))
    network = space.network(choices)
    model = child(space, choices).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        out = model(torch.randn(1, *space.input.shape))
    assert tuple(out.shape) == (1, 600)
    assert sum(p.numel() for p in model.parameters()) == network.params[0]
    assert counter.get_total_flops() == 2 * network.macs[0]
