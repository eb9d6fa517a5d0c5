"""spaces/x3d.vns: the published sizes, and outputs equal to those of plain torch."""

from __future__ import annotations

from itertools import chain

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.codegen.code import run
from tests.layers.test_streams import agree
from tests.oracles.x3d import X3D
from tests.support import shipped
from vnasdsl.codegen import compile_network
from vnasdsl.elaborate import Overrides

torch.set_num_threads(1)
PARAMETERS = 3_794_322
"""As the author's code counts them, with 400 classes."""
GIGAS = {"x3d_xs": 0.60, "x3d_s": 1.96, "x3d_m": 4.73}
"""Multiply-adds of the paper, to two digits after the point; XS has 0.605."""


@pytest.mark.parametrize("name", sorted(GIGAS))
def test_sizes(name: str) -> None:
    space = shipped("x3d").get(name)
    with torch.device("meta"):
        model, oracle = run(compile_network(space, "x3d.vns"))["Network"]().eval(), X3D().eval()
        for module in (model, oracle):
            assert sum(p.numel() for p in module.parameters()) == PARAMETERS
            with FlopCounterMode(display=False) as counter:
                assert tuple(module(torch.empty(1, *space.input.shape)).shape) == (1, 400)
            assert counter.get_total_flops() == 2 * space.macs[0]
    assert space.params == (PARAMETERS, PARAMETERS)
    assert space.macs[0] / 1e9 == pytest.approx(GIGAS[name], abs=0.0055)


def test_outputs() -> None:
    space = shipped("x3d", Overrides(size=64)).get("x3d_xs")
    oracle = X3D()
    blocks = ([block.way, block.body] for block in oracle.blocks)
    parts: list[nn.Module] = [oracle.stem, *chain.from_iterable(blocks), oracle.head, oracle.features, oracle.classify]
    model = run(compile_network(space, "x3d.vns"))["Network"]()
    with torch.no_grad():
        agree(model, oracle, parts, torch.randn(2, *space.input.shape))
