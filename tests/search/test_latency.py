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
from vnasdsl.searching.latency import ROUNDS, STABLE, measure_latency, network_latency

SHAPE = (3, 2, 4, 4)
STABLE_ROUND = [0.040, 0.042, 0.041, 0.040, 0.043]
WILD_ROUND = [0.040, 0.090, 0.041, 0.010, 0.080]
WILDER_ROUND = [0.010, 0.900, 0.041, 0.001, 0.080]
NETWORK = ROOT / "spaces" / "tiny_spatial.vns"


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


class Witness(nn.Module):
    """Takes down how it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm3d(3)
        self.norm.eval()  # as in a model of which a part is frozen
        self.clips: list[Tensor] = []
        self.states: set[tuple[object, ...]] = set()

    def forward(self, clips: Tensor) -> Tensor:
        self.clips.append(clips)
        self.states.add((self.training, torch.is_grad_enabled(), torch.get_num_threads(), gc.isenabled()))
        return self.norm(clips)


def expected(seconds: Sequence[float]) -> tuple[float, float]:
    low, middle, high = np.percentile(seconds, [25, 50, 75])
    return pytest.approx(middle * 1000), pytest.approx((high - low) / middle)


def test_median_and_spread() -> None:
    clock = Clock([STABLE_ROUND])
    latency = measure_latency(Witness(), [SHAPE], runs=5, warm_up=2, clock=clock)
    assert (latency.median_ms, latency.spread) == expected(STABLE_ROUND)
    assert (latency.runs, latency.stable, latency.warning) == (5, True, None)
    assert clock.reads == 10
    assert latency.protocol["rounds"] == 1


def test_a_restless_round_is_measured_again() -> None:
    clock, model = Clock([WILD_ROUND, STABLE_ROUND]), Witness()
    latency = measure_latency(model, [SHAPE], runs=5, warm_up=2, clock=clock)
    assert (latency.median_ms, latency.spread) == expected(STABLE_ROUND)
    assert latency.stable and latency.protocol["rounds"] == 2
    assert len(model.clips) == 2 * (2 + 5)  # warmed up anew


def test_what_stays_restless_says_so() -> None:
    assert ROUNDS == 3
    latency = measure_latency(
        Witness(), [SHAPE], runs=5, warm_up=0, clock=Clock([WILDER_ROUND, WILD_ROUND, WILDER_ROUND])
    )
    assert (latency.median_ms, latency.spread) == expected(WILD_ROUND)  # the steadiest of the three
    assert not latency.stable and latency.spread > STABLE
    assert latency.warning is not None and latency.warning.startswith(
        "the latency is not stable: its spread is 97.6%, more than 10%"
    )


def test_how_the_model_is_run_and_that_all_is_as_before() -> None:
    model, threads = Witness(), torch.get_num_threads()
    model.train()
    model.norm.eval()
    random = torch.get_rng_state()
    measure_latency(model, [SHAPE], threads=threads + 2, runs=5, warm_up=3, clock=Clock([STABLE_ROUND]))
    assert model.states == {(False, False, threads + 2, False)}
    assert [clip.shape for clip in model.clips] == [(1, *SHAPE)] * 8
    assert all(torch.equal(clip, model.clips[0]) for clip in model.clips) and model.clips[0].std() > 0.5
    assert (model.training, model.norm.training) == (True, False)
    assert (torch.get_num_threads(), gc.isenabled(), torch.is_grad_enabled()) == (threads, True, True)
    assert torch.equal(torch.get_rng_state(), random)


def test_the_protocol_is_part_of_the_result() -> None:
    latency = measure_latency(Witness(), [SHAPE], threads=2, runs=5, warm_up=1, clock=Clock([STABLE_ROUND]))
    assert latency.protocol["hardware"]
    assert {name: value for name, value in latency.protocol.items() if name not in ("hardware", "torch")} == {
        "device": "cpu",
        "threads": 2,
        "batch": 1,
        "shape": [3, 2, 4, 4],
        "precision": "float32",
        "warm_up": 1,
        "runs": 5,
        "rounds": 1,
        "statistic": "median",
        "spread": "interquartile range / median",
        "stable_up_to": 0.10,
    }
    assert json.loads(json.dumps(latency.as_dict())) == latency.as_dict()


def test_a_model_that_fails_leaves_all_as_before() -> None:
    model = nn.Sequential(nn.Linear(3, 3)).train()
    with pytest.raises(RuntimeError):
        measure_latency(model, [SHAPE])
    assert model.training and model[0].training and gc.isenabled()


@pytest.mark.parametrize("more", [{"runs": 1}, {"warm_up": -1}, {"threads": 0}])
def test_numbers_that_cannot_be(more: dict[str, int]) -> None:
    with pytest.raises(UserError, match="at least 2 timed runs"):
        measure_latency(Witness(), [SHAPE], **more)


def test_without_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no CUDA device"):
        measure_latency(Witness(), [SHAPE], "cuda")


def test_a_gpu_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of events: each timed run ends only when the device has nothing left to do."""
    if not torch.cuda.is_available():
        # The calls that matter, on a machine without one: a device that is called cuda and is none.
        monkeypatch.setattr("vnasdsl.searching.latency.pick_device", lambda _: torch.device("cuda"))
        monkeypatch.setattr(Tensor, "to", lambda self, *_: self)
        monkeypatch.setattr(nn.Module, "to", lambda self, *_: self)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "none")
    events: list[str] = []
    clock = Clock([STABLE_ROUND[:2]])
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: events.append("wait"))
    model = nn.Identity()
    model.register_forward_hook(lambda *_: events.append("run"))

    def read() -> float:
        events.append("read")
        return clock()

    measure_latency(model, [SHAPE], "cuda", runs=2, warm_up=2, clock=read)
    timed = ["read", "run", "wait", "read"]
    assert events == ["run", "run", "wait", *timed, *timed]


def test_a_network_is_measured_on_clips_of_its_input() -> None:
    network = load(NETWORK, Overrides(frames=2, size=16)).get()
    random = torch.get_rng_state()
    latency = network_latency(network, runs=2, warm_up=0)
    assert latency.protocol["shape"] == [3, 2, 16, 16] and latency.median_ms > 0
    assert torch.equal(torch.get_rng_state(), random)
