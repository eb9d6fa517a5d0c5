"""What a GPU makes of it: one command, one page of Markdown, under ten minutes on one large GPU.

python benchmarks/gpu.py                          # writes benchmarks/GPU.md
python benchmarks/gpu.py --device cpu --small     # the same at a small size, to see that it runs

It needs this repository, installed with its `dev` extra, and nothing else: clips are noise, or synthetic videos that it
makes. A part that fails says so on the page and the others go on.

The share of the matrix rate is: floating-point operations of the convolutions and matrix products that the step runs
(counted by torch's FlopCounterMode), divided by its time and by the rate of a large matrix product of the same
precision, measured here.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from vnasdsl.elaborate import Overrides, load
from vnasdsl.searching.bench import network_latency
from vnasdsl.searching.draws import Draws
from vnasdsl.searching.estimate import Estimate
from vnasdsl.train.devices import pick_device
from vnasdsl.train.loop import Meter
from vnasdsl.train.recipes import GradientRecipe

ROOT = Path(__file__).resolve().parent.parent
MODES: tuple[str, ...] = get_args(GradientRecipe.model_fields["mode"].annotation)
PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    space: str
    frames: int
    size: int
    batch: int
    steps: int
    """Timed steps of each kind."""
    losses: int
    """Steps whose losses are compared."""
    matrix: int
    search: tuple[str, ...]
    """Settings of the search."""


FULL = Scale("x3d3", 16, 224, 8, 5, 20, 8192, ("epochs=10", "finalists=0"))
SMALL = Scale("tiny", 4, 16, 2, 1, 3, 256, ("epochs=1", "recalibrate=1", "finalists=0"))


class Bench:
    def __init__(self, device: torch.device, scale: Scale):
        self.device, self.scale = device, scale
        self.cuda = device.type == "cuda"
        space: Any = load(ROOT / "spaces" / f"{scale.space}.vns", Overrides(frames=scale.frames, size=scale.size))
        self.space = space.get(scale.space)
        self.estimate = Estimate(self.space, device)
        self.rates: dict[str, float] = {}
        """Operations a second of a matrix product, by precision."""

    # -------------------------------------------------------------------- parts

    def machine(self) -> Iterator[str]:
        name = torch.cuda.get_device_name(self.device) if self.cuda else platform.processor() or platform.machine()
        yield f"- device: {name}"
        if self.cuda:
            properties = torch.cuda.get_device_properties(self.device)
            yield f"- memory {properties.total_memory / 1e9:.0f} GB, {properties.multi_processor_count} multiprocessors"
            yield f"- CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
        yield f"- torch {torch.__version__}, Python {platform.python_version()}"
        for precision in PRECISIONS:
            self.rates[precision] = self.matrix_rate(torch.bfloat16 if precision == "bf16" else torch.float32)
            yield f"- matrix product, {precision}: {self.rates[precision] / 1e12:.2f} TFLOP/s"
        yield f"- copy: {self.copy_rate() / 1e9:.0f} GB/s read and written"

    def tests(self) -> Iterator[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / "tests" / "cuda")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        lines = done.stdout.strip().splitlines()
        yield f"`pytest tests/cuda`: {lines[-1].strip('= ') if lines else done.stderr[-500:]}"
        yield from (f"- {line}" for line in lines if line.startswith(("FAILED", "ERROR")))

    def losses(self) -> Iterator[str]:
        """The same batches in both precisions."""
        found = {precision: self.train(precision) for precision in PRECISIONS}
        yield f"Weight steps of `{self.scale.space}`, mode `paths`, on the same clips and paths.\n"
        yield "| step | fp32 | bf16 | difference |"
        yield "|--:|--:|--:|--:|"
        for number, (full, half) in enumerate(zip(*found.values(), strict=True), 1):
            yield f"| {number} | {full:.4f} | {half:.4f} | {half - full:+.4f} |"

    def steps(self) -> Iterator[str]:
        scale = self.scale
        clips = f"{scale.frames} x {scale.size} x {scale.size}"
        yield f"`{scale.space}`, {clips}, median of {scale.steps} steps of each kind.\n"
        yield (
            "| mode | precision | batch | weight step | choice step | peak memory | estimated | TFLOP in both |"
            " share of the matrix rate |"
        )
        yield "|---|---|" + "--:|" * 7
        for mode in MODES:
            for precision in PRECISIONS:
                yield self.guarded_row(mode, precision)

    def guarded_row(self, mode: str, precision: str) -> str:
        try:
            return self.row(mode, precision)
        except torch.cuda.OutOfMemoryError:
            estimated = self.estimate.peak(self.recipe(mode, precision)) / 1e9
            return f"| {mode} | {precision} | {self.scale.batch} | out of memory | | | {estimated:.2f} GB | | |"
        finally:
            self.clear()

    def row(self, mode: str, precision: str) -> str:
        recipe = self.recipe(mode, precision)
        step = self.stepper(recipe)
        before = self.peak_memory(reset=True)
        for of_choices in (True, False):  # what is made once: optimiser states, plans of kernels
            step(of_choices, 0)
        seconds = {
            of_choices: statistics.median(
                self.timed(lambda n=number, c=of_choices: step(c, n)) for number in range(1, self.scale.steps + 1)
            )
            for of_choices in (False, True)
        }
        peak = self.peak_memory() - before
        with FlopCounterMode(display=False) as counter:
            step(False, 1)
            step(True, 1)
        operations = float(counter.get_total_flops())
        share = operations / sum(seconds.values()) / self.rates[precision]
        estimated = self.estimate.peak(recipe)
        cells = (
            *(mode, precision, str(self.scale.batch)),
            *(f"{1000 * seconds[of_choices]:.1f} ms" for of_choices in (False, True)),
            *(f"{size / 1e9:.2f} GB" for size in (peak, estimated)),
            f"{operations / 1e12:.3f}",
            f"{100 * share:.1f} %",
        )
        return f"| {' | '.join(cells)} |"

    def profile(self) -> Iterator[str]:
        """What the time of one weight step goes to."""
        step = self.stepper(self.recipe("full" if not self.cuda or self.fits("full") else "paths", "bf16"))
        step(False, 0)
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if self.cuda else [])]
        with profile(activities=activities) as recorded:
            step(False, 1)
            self.wait()
        of = "self_device_time_total" if self.cuda else "self_cpu_time_total"
        events = sorted(recorded.key_averages(), key=lambda event: -getattr(event, of))
        total = sum(getattr(event, of) for event in events) or 1
        yield "| kernel or operation | calls | share of the time |"
        yield "|---|--:|--:|"
        for event in events[:12]:
            name = event.key.replace("|", "\\|")
            yield f"| `{name[:90]}` | {event.count} | {100 * getattr(event, of) / total:.1f} % |"

    def search(self) -> Iterator[str]:
        """`tiny` on synthetic videos, by the command, and the latency of what it finds."""
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            words = [
                "search",
                str(ROOT / "spaces" / "tiny.vns"),
                "--recipe",
                "tiny_gradient",
                "--data",
                f"synthetic:{self.videos(Path(folder))}",
            ]
            words += ["--out", str(run), "--device", self.device.type, "-q"]
            words += [word for setting in self.scale.search for word in ("--set", setting)]
            began = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", "vnasdsl", *words], cwd=ROOT, capture_output=True, text=True)
            seconds = time.perf_counter() - began
            settings = " ".join(f"--set {setting}" for setting in self.scale.search)
            command = f"vnasdsl search spaces/tiny.vns --recipe tiny_gradient --data synthetic {settings}"
            yield f"`{command}`: {seconds:.0f} s"
            if done.returncode:
                yield f"\nIt failed:\n\n```\n{done.stderr[-2000:]}\n```"
                return
            yield f"\n```\n{done.stdout.replace(folder, '.').strip()}\n```\n"
            latency = network_latency(load(run / "network.vns").get(), str(self.device))
            yield f"One clip through the network found: {latency['ms']:.2f} ms (spread {latency['spread']:.1%})."

    # -------------------------------------------------------------------- means

    def videos(self, folder: Path) -> Path:
        from vnasdsl.data.synthetic.make import Settings, make

        made = folder / "videos"
        few = {"classes": 4, "clips": 8, "test_clips": 2, "sizes": ((36, 48),), "lengths": (8, 8)}
        make(made, Settings(**few) if self.scale is SMALL else Settings())  # type: ignore[arg-type]
        return made

    def recipe(self, mode: str, precision: str) -> GradientRecipe:
        return GradientRecipe(mode=mode, precision=precision, batch=self.scale.batch)  # type: ignore[arg-type]

    def fits(self, mode: str) -> bool:
        free, _ = torch.cuda.mem_get_info(self.device)
        return self.estimate.peak(self.recipe(mode, "bf16")) < 0.8 * free

    def clips(self, seed: int) -> tuple[Tensor, Tensor]:
        scale, generator = self.scale, torch.Generator().manual_seed(seed)
        clips = torch.randn(scale.batch, 3, scale.frames, scale.size, scale.size, generator=generator)
        labels = torch.randint(self.space.input.classes, (scale.batch,), generator=generator)
        return clips.to(self.device), labels.to(self.device)

    def stepper(self, recipe: GradientRecipe) -> Callable[[bool, int], float]:
        """A step of the choices or of the weights, by its number; returns its loss."""
        torch.manual_seed(0)
        search = self.estimate.search_on(self.device, recipe)
        draws = None if recipe.mode == "full" else Draws(search.model, recipe.mode, recipe.seed)
        search.draws = draws

        def step(of_choices: bool, number: int, batch: tuple[Tensor, Tensor] = self.clips(0)) -> float:
            meter = Meter(self.device)
            if draws is not None:
                draws.draw(of_choices, number)
            (search.choice_step if of_choices else search.weight_step)(*batch, 0.01, meter)
            return meter.loss or 0.0

        return step

    def train(self, precision: str) -> list[float]:
        step = self.stepper(self.recipe("paths", precision))
        found = [step(False, number) for number in range(self.scale.losses)]
        self.clear()
        return found

    def wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def timed(self, work: Callable[[], Any]) -> float:
        self.wait()
        began = time.perf_counter()
        work()
        self.wait()
        return time.perf_counter() - began

    def peak_memory(self, reset: bool = False) -> int:
        """Bytes; on a CPU the most this process has had."""
        if self.cuda:
            if reset:
                torch.cuda.reset_peak_memory_stats(self.device)
            return torch.cuda.max_memory_allocated(self.device)
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def clear(self) -> None:
        if self.cuda:
            torch.cuda.empty_cache()

    def matrix_rate(self, dtype: torch.dtype) -> float:
        # TF32 where convolutions use it, which torch allows them by default.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
        size = self.scale.matrix
        one = torch.randn(size, size, device=self.device, dtype=dtype)
        one @ one
        return 2 * size**3 / min(self.timed(lambda: one @ one) for _ in range(5))

    def copy_rate(self) -> float:
        """Bytes read and written in a second."""
        source = torch.randn(self.scale.matrix**2, device=self.device)
        target = torch.empty_like(source)
        target.copy_(source)
        return 2 * source.nbytes / min(self.timed(lambda: target.copy_(source)) for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu")
    parser.add_argument("--small", action="store_true", help="a small space, few steps")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "GPU.md")
    given = parser.parse_args()
    began = time.perf_counter()
    bench = Bench(pick_device(given.device), SMALL if given.small else FULL)
    parts = {
        "Machine": bench.machine,
        "CUDA tests": bench.tests,
        "bf16 against fp32": bench.losses,
        "Steps by mode": bench.steps,
        "Where the time goes (a weight step, bf16)": bench.profile,
        "A short search": bench.search,
    }
    page = [f"# `python benchmarks/{' '.join([Path(__file__).name, *sys.argv[1:]])}`", ""]
    for title, part in parts.items():
        print(f"{title} ...", file=sys.stderr, flush=True)
        page += [f"## {title}", ""]
        try:
            page += part()
        except Exception as fault:
            page.append(f"This part failed: {type(fault).__name__}: {fault}")
            traceback.print_exc()
        page.append("")
    page.append(f"All of it took {time.perf_counter() - began:.0f} s.")
    given.out.write_text("\n".join(page) + "\n", encoding="utf-8")
    print(f"wrote {given.out}", file=sys.stderr)
    if any(line.startswith(("This part failed", "\nIt failed", "- FAILED", "- ERROR")) for line in page):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
