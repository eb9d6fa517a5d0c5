"""Latency: how long a network takes for one clip.

Evaluation mode, one clip of noise in float32, Python's garbage collector off; warm-up runs, then runs that are timed
one by one (on a GPU each until it is idle). The result is their median and its spread. A round whose spread exceeds
`STABLE` is measured again, up to `ROUNDS` times; the most stable round counts.
"""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import torch
from torch import Tensor, nn

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers.base import Shape
from vnasdsl.train.devices import pick_device, torch_threads
from vnasdsl.train.generated import build

WARM_UP = 10
RUNS = 50
ROUNDS = 3
STABLE = 0.10
"""The spread up to which a measurement is called stable."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Latency:
    """What was measured, and how."""

    median_ms: float
    spread: float
    """The interquartile range of the runs, divided by their median."""
    runs: int
    stable: bool
    protocol: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @property
    def warning(self) -> str | None:
        """What to say of a measurement that is not stable."""
        if self.stable:
            return None
        return (
            f"the latency is not stable: its spread is {self.spread:.1%}, more than {STABLE:.0%};"
            " other programs may be using this machine"
        )


def measure_latency(
    model: nn.Module,
    shapes: Sequence[Shape],
    device: torch.device | str = "cpu",
    *,
    threads: int = 1,
    runs: int = RUNS,
    warm_up: int = WARM_UP,
    clock: Clock = time.perf_counter,
) -> Latency:
    """Measure a model on clips; shapes: of each of its inputs, (C, T, H, W) without the batch.

    The model is moved to the device and stays there; its mode and torch's number of threads are as before. clock:
    seconds, read right before and after each timed run. Raises: UserError without such a device, or without runs.
    """
    device = pick_device(str(device))
    if runs < 2 or warm_up < 0 or threads < 1:
        raise UserError("latency needs at least 2 timed runs, 0 warm-up runs and 1 thread")
    model = model.to(device)
    clips = noise(shapes, 1, device)

    def run() -> float:
        begin = clock()
        model(*clips)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return clock() - begin

    rounds: list[tuple[float, float]] = []
    with measuring(model, threads):
        while not rounds or (rounds[-1][1] > STABLE and len(rounds) < ROUNDS):
            for _ in range(warm_up):
                model(*clips)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            rounds.append(summary([run() for _ in range(runs)]))
    seconds, spread = min(rounds, key=lambda figures: figures[1])
    protocol = {
        "device": str(device),
        "hardware": hardware(device),
        "threads": threads,
        "batch": 1,
        "shape": list(shapes[0]) if len(shapes) == 1 else [list(shape) for shape in shapes],
        "precision": "float32",
        "warm_up": warm_up,
        "runs": runs,
        "rounds": len(rounds),
        "statistic": "median",
        "spread": "interquartile range / median",
        "stable_up_to": STABLE,
        "torch": torch.__version__,
    }
    return Latency(seconds * 1000, spread, runs, spread <= STABLE, protocol)


def noise(shapes: Sequence[Shape], batch: int, device: torch.device) -> tuple[Tensor, ...]:
    """Clips to measure with, for each input."""
    seed = torch.Generator().manual_seed(0)
    return tuple(torch.randn((batch, *shape), generator=seed).to(device) for shape in shapes)


def network_latency(
    network: Space, device: torch.device | str = "cpu", *, threads: int = 1, runs: int = RUNS, warm_up: int = WARM_UP
) -> Latency:
    """Compile a network and measure it, with new weights. Raises: UserError for a space, and as `measure_latency`."""
    if network.kind != "network":
        raise UserError(f"`{network.name}` is a space: only a network has a latency")
    with torch.random.fork_rng(devices=[]):  # new weights, without changing what is drawn elsewhere
        model = build(network)
    shapes = tuple(each.shape for each in network.inputs.given)
    return measure_latency(model, shapes, device, threads=threads, runs=runs, warm_up=warm_up)


def summary(seconds: list[float]) -> tuple[float, float]:
    """The median, and the interquartile range divided by it."""
    low, middle, high = quantiles(seconds, n=4, method="inclusive")
    return middle, (high - low) / middle if middle > 0 else 0.0


@contextmanager
def measuring(model: nn.Module, threads: int) -> Iterator[None]:
    """Evaluation mode, no gradients, that many threads, no garbage collector; all undone at the end."""
    modes = [(module, module.training) for module in model.modules()]
    collects = gc.isenabled()
    model.eval()
    gc.collect()
    gc.disable()
    try:
        with torch_threads(threads), torch.inference_mode():
            yield
    finally:
        if collects:
            gc.enable()
        for module, training in modes:
            module.training = training


def hardware(device: torch.device) -> str:
    """The name of the processor or GPU, as far as the system tells."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
