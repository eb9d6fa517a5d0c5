"""One step of the weights and one of the choices, of every mode, against the same by hand and against NNI.

python benchmarks/search_step.py [--nni-python PATH] [--space x3d3 --frames 4 --size 64 --batch 2]

Every contender is a process of its own; they take their steps in turn, so what else the machine does hits all of them.
The time is that of the processor (with one thread); ratios are medians over rounds of the ratio to `plain` in the same
round. The memory is what the process grows by in its first two steps, beyond the supernet that is there before.

plain    Eq. 1 to 5 by hand; both steps compute all gradients, as the code of DARTS does
sparing  the same, with the gradients that a step uses
NNI      searches operations only, so it is compared with ours and plain where every stage has one width.
         It needs an older torch: python3.11 -m venv /tmp/nni && /tmp/nni/bin/pip install torch==2.1.2 'numpy<2' \\
         nni==3.0 'pytorch-lightning<2.1' 'setuptools<70', then --nni-python /tmp/nni/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
OURS = ("full", "operations", "paths", "shared")
PLAIN = ("plain", "sparing")
NNI = ("nni darts", "nni proxyless")
KEYS: dict[str, dict[str, Any]] = {
    "full, contiguous": {"memory_format": "contiguous"},
    "full, checkpoint": {"checkpoint": True},
    "full, bf16": {"precision": "bf16"},
    "full, compile": {"compile": True},
}
"""What else a recipe can say (`--keys`)."""
SIZES = {"tiny": (8, 32, 8), "x3d3": (4, 64, 2)}
"""Frames, size and batch where none are given."""

Steps = tuple[Callable[[int], Any], Callable[[int], Any]]


def resident() -> float:
    """Megabytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def batch(frames: int, size: int, count: int, classes: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    clips = torch.randn(count, 3, frames, size, size, generator=generator)
    return clips, torch.randint(classes, (count,), generator=generator)


def our_steps(mode: str, space: str, frames: int, size: int, count: int, one_width: bool) -> Steps:
    from plain_supernet import FIXED

    from vnasdsl.codegen import compile_supernet
    from vnasdsl.elaborate import Overrides, load
    from vnasdsl.searching.supernet import SupernetSearch
    from vnasdsl.train.generated import load_class
    from vnasdsl.train.loop import Meter
    from vnasdsl.train.recipes import GradientRecipe

    read: Any = load(ROOT / "spaces" / f"{space}.vns", Overrides(frames=frames, size=size)).get(space)
    if one_width:
        heads = [choice.name for choice in read.choices if choice.name.endswith("head.channels")]
        read = read.fix({name: [str(width)] for name, width in zip(heads, FIXED[space], strict=True)})
    code = compile_supernet(read, "space.vns")
    supernet: Any = load_class(code, "Supernet", ROOT / "supernet.py")
    nothing: Any = None
    recipe = GradientRecipe(**KEYS.get(mode, {"mode": mode}))
    search = SupernetSearch(supernet().train(), recipe, nothing, nothing, torch.device("cpu"), nothing)
    clips, labels = batch(frames, size, count, read.input.classes)
    meter = Meter(search.device)

    def step(of_choices: bool, number: int) -> None:
        if search.draws is not None:
            search.draws.draw(of_choices, number)
        (search.choice_step if of_choices else search.weight_step)(clips, labels, 0.01, meter)

    return lambda number: step(False, number), lambda number: step(True, number)


def plain_steps(sparing: bool, space: str, frames: int, size: int, count: int, one_width: bool) -> Steps:
    from plain_supernet import FIXED, LAYOUTS, PlainSearch, PlainSupernet, with_widths

    layout = with_widths(LAYOUTS[space], FIXED[space]) if one_width else LAYOUTS[space]
    search = PlainSearch(PlainSupernet(layout, frames, size).train(), sparing)
    data = batch(frames, size, count, layout.classes)
    return lambda _: search.weight_step(*data), lambda _: search.choice_step(*data)


def work(contender: str, given: argparse.Namespace) -> None:
    """A contender: makes its supernet, then answers each line with what it was asked."""
    torch.set_num_threads(given.threads)
    clock = time.process_time if given.threads == 1 else time.perf_counter
    where = (given.space, given.frames, given.size, given.batch, given.one_width)
    if contender in OURS or contender in KEYS:
        steps = our_steps(contender, *where)
    elif contender in PLAIN:
        steps = plain_steps(contender == "sparing", *where)
    else:
        from nni_step import nni_steps

        steps = nni_steps(contender, *where, batch)
    before = resident()
    print(json.dumps("ready"), flush=True)
    for number, line in enumerate(sys.stdin):
        answer: Any
        if line.strip() == "memory":
            answer = []
            for step in steps:
                step(number)
                answer.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 - before)
        else:
            answer = []
            for step in steps:
                began = clock()
                step(number)
                answer.append(clock() - began)
        print(json.dumps(answer), flush=True)


class Contender:
    def __init__(self, name: str, given: argparse.Namespace) -> None:
        self.name = name
        python = given.nni_python if name in NNI else sys.executable
        words = [python, __file__, "--worker", name]
        for key in ("space", "frames", "size", "batch", "threads"):
            words += [f"--{key}", str(getattr(given, key))]
        words += ["--one-width"] if given.one_width else []
        paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads), "PYTHONPATH": paths}
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(words, env=environment, **pipes)
        self.times: list[list[float]] = []
        self.answer()
        self.memory = self.ask("memory")

    def ask(self, what: str) -> list[float]:
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        found: list[float] = self.answer()
        return found

    def answer(self) -> Any:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                return json.loads(line)
            except ValueError:
                continue  # what a library prints
        raise SystemExit(f"{self.name} ended with status {self.process.wait()}")


def compare(given: argparse.Namespace, names: tuple[str, ...]) -> str:
    """A table of contenders, the first is what the others are divided by."""
    contenders = [Contender(name, given) for name in names]
    for _ in range(given.rounds):
        for contender in contenders:
            contender.times.append(contender.ask("time"))
    for contender in contenders:
        contender.process.kill()
    first = contenders[0]
    lines = [
        f"| {given.space}, {given.frames} x {given.size} x {given.size}, batch {given.batch}"
        f"{', one width a stage' if given.one_width else ''} | weight step | choice step | both"
        " | ratio: weight | choice | both | memory: weight | both | ratio |",
        "|---|" + "--:|" * 9,
    ]
    for contender in contenders:
        sums = [(*pair, sum(pair)) for pair in contender.times]
        firsts = [(*pair, sum(pair)) for pair in first.times]
        seconds = [f"{statistics.median(row[i] for row in sums):.2f} s" for i in range(3)]
        ratios = [f"{statistics.median(a[i] / b[i] for a, b in zip(sums, firsts, strict=True)):.2f}" for i in range(3)]
        memory = [f"{contender.memory[0]:.0f} MB", f"{contender.memory[1]:.0f} MB"]
        memory.append(f"{contender.memory[1] / first.memory[1]:.2f}")
        lines.append(f"| {' | '.join([contender.name, *seconds, *ratios, *memory])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", choices=list(SIZES), help="without it both")
    parser.add_argument("--frames", type=int)
    parser.add_argument("--size", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nni-python", metavar="PATH", help="the Python of an environment with NNI 3.0")
    parser.add_argument("--keys", action="store_true", help="compare other keys of the recipe instead")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--one-width", action="store_true", help="fix the widths, as for NNI")
    given = parser.parse_args()
    if given.worker:
        work(given.worker, given)
        return
    for space in [given.space] if given.space else list(SIZES):
        frames, size, count = SIZES[space]
        here = argparse.Namespace(**vars(given))
        here.space, here.frames = space, given.frames or frames
        here.size, here.batch = given.size or size, given.batch or count
        if given.keys:
            print(compare(here, ("plain", "full", *KEYS)), end="\n\n", flush=True)
            continue
        if not given.one_width:
            print(compare(here, (*PLAIN, *OURS)), end="\n\n", flush=True)
        if given.nni_python or given.one_width:
            here.one_width = True
            print(compare(here, ("plain", "full", "operations", *(NNI if given.nni_python else ()))), end="\n\n")
    if not (given.nni_python or given.keys):
        print("NNI was left out; the top of this file says how to make an environment for it.")


if __name__ == "__main__":
    main()
