"""Networks drawn from made-up spaces: written, read again, proven, compiled, and run where torch is."""

from __future__ import annotations

import random

import pytest
import torch

from tests.codegen.code import run
from tests.safety.graph_texts import graph
from tests.safety.networks import drawn, wrong_with
from vnasdsl.codegen import compile_network
from vnasdsl.elaborate.program import examine
from vnasdsl.language.source import Source


@pytest.mark.parametrize("seed", range(40))
def test_a_network_of_a_made_up_space_runs_at_its_shapes(seed: int) -> None:
    torch.set_num_threads(1)
    rng = random.Random(seed)
    program, found = examine(Source("made.vns", graph(rng)), None)
    if program is None or any(d.severity == "error" for d in found):
        return
    network = drawn(program.get("n"), rng)
    if network is None:
        return
    model = run(compile_network(network, "made.vns"))["Network"]().eval()
    with torch.no_grad():
        logits = model(torch.randn(1, *network.input.shape))
    assert logits.shape == (1, network.input.classes)
    assert sum(p.numel() for p in model.parameters()) == network.params[0]


def test_networks_of_made_up_spaces_are_proven() -> None:
    """A part of what the fuzzer does, with the same texts in every run; spaces all of whose lines are read."""
    tried = 0
    for seed in range(100, 180):
        rng = random.Random(seed)
        program, found = examine(Source("made.vns", graph(rng)), None)
        if program is None or any(d.severity == "error" or d.code == "W0209" for d in found):
            continue
        network = drawn(program.get("n"), rng)
        if network is not None:
            tried += 1
            assert wrong_with(program.get("n"), network) is None, seed
    assert tried >= 5
