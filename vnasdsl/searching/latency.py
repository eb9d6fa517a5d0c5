"""Latency: how long a network takes for one clip, measured as `vnasdsl bench` does.

Evaluation mode, one clip of noise in float32, new weights, Python's garbage collector off. The result is the median of
the runs and its spread. If that exceeds `STABLE`, the network is measured again, up to `ROUNDS` times; the steadiest
counts.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from vnasdsl.elaborate import Space
from vnasdsl.searching.bench import WARM_UP, Clock, bench, hardware
from vnasdsl.train.devices import pick_device

RUNS = 50
ROUNDS = 3
STABLE = 0.10
"""The spread up to which a measurement is called stable."""


def network_latency(
    network: Space, device: str = "cpu", *, threads: int = 1, runs: int = RUNS, clock: Clock = time.perf_counter
) -> dict[str, Any]:
    """The median `ms`, its `spread`, whether that is `stable`, and how it was measured. Raises: UserError as `bench`.

    clock: seconds, read right before and after each timed run.
    """
    rounds: list[tuple[float, float]] = []
    while not rounds or (rounds[-1][0] > STABLE and len(rounds) < ROUNDS):
        (found,) = bench({network.name: network}, device, (1,), threads=threads, rounds=runs, clock=clock)
        rounds.append((found.spread, found.median_ms))
    spread, milliseconds = min(rounds)
    place = pick_device(device)
    protocol = {"device": str(place), "hardware": hardware(place), "threads": threads, "torch": torch.__version__}
    counts = {"runs": runs, "warm_up": WARM_UP, "rounds": len(rounds)}
    return {
        "ms": round(milliseconds, 4),
        "spread": round(spread, 4),
        "stable": spread <= STABLE,
        "protocol": {**protocol, **counts},
    }
