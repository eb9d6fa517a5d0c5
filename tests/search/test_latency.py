"""The protocol of a latency, with a clock that is set by hand."""

from __future__ import annotations

import gc
import json
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.support import ROOT
from vnasdsl.elaborate import Overrides, load
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.bench import ROUNDS, STABLE, measuring, network_latency

STABLE_ROUND = [0.040, 0.042, 0.041, 0.040, 0.043]
WILD_ROUND = [0.040, 0.090, 0.041, 0.010, 0.080]
WILDER_ROUND = [0.010, 0.900, 0.041, 0.001, 0.080]
NETWORK = load(ROOT / "spaces" / "tiny_spatial.vns", Overrides(frames=2, size=16)).get()


class Clock:
    """Read twice for each run: lets as much time pass between the two as it is told."""

    def __init__(self, rounds: Sequence[Sequence[float]]):
        self.durations = [seconds for seconds_of_round in rounds for seconds in seconds_of_round]
        self.now, self.reads = 5.0, 0

    def __call__(self) -> float:
        if self.reads % 2:
            self.now += self.durations[self.reads // 2]
        self.reads += 1
        return self.now


def expected(seconds: Sequence[float]) -> tuple[float, float]:
    low, middle, high = np.percentile(seconds, [25, 50, 75])
    return pytest.approx(middle * 1000, abs=1e-3), pytest.approx((high - low) / middle, abs=1e-3)


@pytest.mark.parametrize(
    ("rounds", "counts"),
    [
        ([STABLE_ROUND], STABLE_ROUND),
        ([WILD_ROUND, STABLE_ROUND], STABLE_ROUND),
        ([WILDER_ROUND, WILD_ROUND, WILDER_ROUND], WILD_ROUND),
    ],
)
def test_the_steadiest_of_at_most_three_rounds_counts(rounds: list[list[float]], counts: list[float]) -> None:
    assert (ROUNDS, STABLE) == (3, 0.1)
    clock, random = Clock(rounds), torch.get_rng_state()
    latency = network_latency(NETWORK, runs=5, clock=clock)
    assert (latency["ms"], latency["spread"]) == expected(counts)
    assert latency["stable"] == (counts is STABLE_ROUND)
    assert latency["protocol"]["rounds"] == len(rounds) and clock.reads == 10 * len(rounds)
    assert json.loads(json.dumps(latency)) == latency
    assert torch.equal(torch.get_rng_state(), random)


def test_how_a_model_is_run_and_that_all_is_as_before() -> None:
    states = []

    class Witness(nn.Module):
        def forward(self, clips: Tensor) -> Tensor:
            states.append((self.training, torch.is_grad_enabled(), torch.get_num_threads(), gc.isenabled()))
            return clips

    threads, model = torch.get_num_threads(), nn.Sequential(Witness(), nn.BatchNorm3d(3)).train()
    model[1].eval()  # as in a model of which a part is frozen
    with pytest.raises(ZeroDivisionError), measuring(model, threads + 2):
        model(torch.zeros(1, 3, 2, 4, 4))
        _ = 1 / 0
    assert states == [(False, False, threads + 2, False)]
    assert (model.training, model[1].training) == (True, False)
    assert (torch.get_num_threads(), gc.isenabled(), torch.is_grad_enabled()) == (threads, True, True)


def test_without_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no CUDA device"):
        network_latency(NETWORK, "cuda")
