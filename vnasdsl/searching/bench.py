"""Speed and memory of networks side by side, by batch size, in eager and compiled code, in fp32 and bf16.

Every round runs each of what is compared once, in turn, so that a slow moment of the machine meets all alike: times
vary with what else it does, ratios far less.
"""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import torch
from torch import Tensor, nn

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers.base import Shape
from vnasdsl.searching.estimate import _Allocations
from vnasdsl.train.devices import autocast, pick_device, torch_threads
from vnasdsl.train.generated import build
from vnasdsl.train.progress import Reporter

WARM_UP = 5
Clock = Callable[[], float]


@dataclass(frozen=True)
class Setting:
    """How networks are run."""

    precision: str = "fp32"
    compiled: bool = False


@dataclass(frozen=True)
class Measured:
    """A network in one setting, at one batch size."""

    network: str
    macs: int
    params: int
    batch: int
    precision: str
    compiled: bool
    median_ms: float
    """Of a forward pass of the whole batch."""
    spread: float
    """The interquartile range of the runs, divided by their median."""
    clips_per_second: float
    memory: int | None
    """Bytes: weights, clips, and the most that lives at a time in a forward pass; None for compiled code on a CPU."""
    ratio: float
    """Median over the rounds of its time divided by that of the first network in its first setting."""
    ratio_spread: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Contender:
    name: str
    network: Space
    setting: Setting
    model: nn.Module
    clips: tuple[Tensor, ...]
    device: torch.device

    def run(self) -> None:
        with autocast(self.device, self.setting.precision):
            self.model(*self.clips)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def memory(self) -> int | None:
        own = sum(t.nbytes for t in (*self.model.parameters(), *self.model.buffers(), *self.clips))
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            before = torch.cuda.memory_allocated(self.device)
            self.run()
            return own + torch.cuda.max_memory_allocated(self.device) - before
        if self.setting.compiled:
            return None
        with _Allocations() as seen:
            self.run()
        return own + seen.peak


def bench(
    networks: Mapping[str, Space],
    device: str = "cpu",
    batches: Sequence[int] = (1, 4),
    settings: Sequence[Setting] = (Setting(),),
    *,
    threads: int = 1,
    rounds: int = 30,
    reporter: Reporter | None = None,
    clock: Clock = time.perf_counter,
) -> Iterator[Measured]:
    """Measurements in the order of batch sizes, settings and networks. The networks have new weights and see noise.

    clock: seconds, read right before and after each run. Raises: UserError for a space, or without such a device.
    """
    place, reporter = pick_device(device), reporter or Reporter(quiet=True)
    for name, network in networks.items():
        if network.kind != "network":
            raise UserError(f"`{name}` is a space: only a network can be measured")
    with torch.random.fork_rng(devices=[]):  # new weights, without changing what is drawn elsewhere
        models = {name: build(network).to(place) for name, network in networks.items()}
    reporter.begin("bench", len(batches), 0)
    try:
        for number, batch in enumerate(batches, 1):
            contenders = [
                _contender(name, networks[name], model, setting, batch, place)
                for setting in settings
                for name, model in models.items()
            ]
            with ExitStack() as stack:
                for model in models.values():
                    stack.enter_context(measuring(model, threads))
                seconds = _rounds(contenders, rounds, number, reporter, clock)
                memory = [contender.memory() for contender in contenders]
            reporter.finished(number, f"{batch} clip{'s' * (batch > 1)} at a time")
            yield from (
                _measured(contender, batch, own, seconds[0], size)
                for contender, own, size in zip(contenders, seconds, memory, strict=True)
            )
    finally:
        reporter.end()


def _contender(
    name: str, network: Space, model: nn.Module, setting: Setting, batch: int, place: torch.device
) -> _Contender:
    clips = noise([each.shape for each in network.inputs.given], batch, place)
    # Every batch size is compiled for itself.
    code: Any = torch.compile(model, dynamic=False) if setting.compiled else model
    return _Contender(name, network, setting, code, clips, place)


def _rounds(
    contenders: Sequence[_Contender], rounds: int, number: int, reporter: Reporter, clock: Clock
) -> list[list[float]]:
    """Seconds of each contender by round."""
    reporter.epoch(number, rounds)
    for contender in contenders:
        try:
            for _ in range(WARM_UP):
                contender.run()
        except Exception as fault:
            if not contender.setting.compiled:
                raise
            reason = str(fault).strip().splitlines()[0]
            raise UserError(
                f"`{contender.name}` cannot be compiled here: {reason}",
                "leave out --compile, or install a C++ compiler",
            ) from fault
    seconds: list[list[float]] = [[] for _ in contenders]
    for _ in range(rounds):
        for contender, own in zip(contenders, seconds, strict=True):
            begin = clock()
            contender.run()
            own.append(clock() - begin)
        reporter.step(lambda: "")
    return seconds


def _measured(
    contender: _Contender, batch: int, seconds: list[float], first: list[float], memory: int | None
) -> Measured:
    median, spread = summary(seconds)
    ratio, ratio_spread = summary([own / other for own, other in zip(seconds, first, strict=True)])
    network = contender.network
    return Measured(
        contender.name,
        network.macs[0],
        network.params[0],
        batch,
        contender.setting.precision,
        contender.setting.compiled,
        1000 * median,
        spread,
        batch / median,
        memory,
        ratio,
        ratio_spread,
    )


def noise(shapes: Sequence[Shape], batch: int, device: torch.device) -> tuple[Tensor, ...]:
    """Clips to measure with, for each input."""
    seed = torch.Generator().manual_seed(0)
    return tuple(torch.randn((batch, *shape), generator=seed).to(device) for shape in shapes)


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
