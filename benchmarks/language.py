"""Speed of the language's daily tools, as ratios measured side by side in one run.

    python benchmarks/language.py [--runs 7] [--json]

0. CPU seconds of `vnasdsl check` as a whole process, for every file of spaces/, for those of the five published
   systems at once and for all at once, as multiples of the imports of click, lark, jinja2 and networkx. Goals: 3.9 for
   one file, 13.9 for the five systems. And of choosing, lowering and costing every network of NAS-Bench-Macro: goal 56
   (10 s where the imports take 0.18 s).
1. `vnasdsl check spaces/x3d3.vns` as a whole process against `python -c "import click, lark, jinja2, networkx"`.
2. Parse, resolve, shapes and costs of x3d3 in process.
3. Networks of 1 000, 3 000 and 10 000 layers compiled: time for each layer, relative to the smallest.
4. `fmt` on a file of 1 000 lines.

2 and 4 are also given as a part of the imports' time in 1, so that machines can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = [sys.executable, "-c", "import click, lark, jinja2, networkx"]
SYSTEMS = ("x3d3", "peng2019", "evanet", "assemblenet", "tinyvideonet", "tvn")
"""What the files of the five systems begin with; `tvn` are networks of tinyvideonet, AssembleNet++ is another one."""
CHECK = [sys.executable, "-m", "vnasdsl", "check", "spaces/x3d3.vns"]


def timed(action: Callable[[], object]) -> float:
    start = perf_counter()
    action()
    return perf_counter() - start


def process(command: list[str]) -> Callable[[], object]:
    """With modules compiled before, as those of an installed package are."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=environment)


def long_network(layers: int) -> str:
    """A network of at least `layers` layers: a block of seven layers a line."""
    lines = "".join(f"    basic({(1, 2, 4)[i % 3]})\n" for i in range(layers // 7))
    return (
        "block basic(d) {\n  residual {\n    conv(same, 1x3x3) -> bn -> relu\n"
        "    conv(same, 3x1x1, dilation=(d, 1, 1)) -> bn -> relu\n  }\n}\n"
        "network long {\n  input clip = video(frames=8, size=32)\n  stage s1 {\n    conv(16, 1x3x3)\n"
        f"{lines}  }}\n  pool -> linear(classes)\n}}\n"
    )


def cpu_seconds(command: list[str], runs: int) -> float:
    """The user time of a process and its children, the median of some runs."""

    def once() -> float:
        before = getrusage(RUSAGE_CHILDREN).ru_utime
        process(command)()
        return getrusage(RUSAGE_CHILDREN).ru_utime - before

    return median(once() for _ in range(runs))


MACRO = """\
from vnasdsl.elaborate import load
space = load("spaces/nas_bench_macro.vns").get("nas_bench_macro")
assert sum(space.choose(made).macs > 0 for made in space.networks()) == 6561
"""


def checks(runs: int) -> dict[str, float]:
    """Of each file, of all of them at once, and of every network of a small space."""
    files = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "spaces").glob("*.vns"))]
    imports = cpu_seconds(IMPORTS, max(3, runs))
    found = {"imports_s": imports}
    for file in files:
        found[file] = cpu_seconds([*CHECK[:-1], file], 3) / imports
    names = {file: Path(file).name for file in files}
    systems = [f for f, name in names.items() if name.startswith(SYSTEMS) and not name.startswith("assemblenet_plus")]
    for name, several in (("the five systems", systems), ("all files", files)):
        found[f"{name} ({len(several)} files)"] = cpu_seconds([*CHECK[:-1], *several], 3) / imports
    found["nas_bench_macro networks"] = cpu_seconds([sys.executable, "-c", MACRO], 1) / imports
    return found


def startup(runs: int) -> dict[str, float]:
    for command in (IMPORTS, CHECK):
        process(command)()
    pairs = [(timed(process(IMPORTS)), timed(process(CHECK))) for _ in range(runs)]
    return {
        "imports_s": median(a for a, _ in pairs),
        "check_s": median(b for _, b in pairs),
        "ratio": median(b / a for a, b in pairs),
    }


def in_process(runs: int, imports: float) -> dict[str, float]:
    from vnasdsl.elaborate import load

    path = ROOT / "spaces/x3d3.vns"

    def whole() -> object:
        space = load(path).get()
        return space.size, space.macs, space.params

    first = timed(whole)
    later = median(timed(whole) for _ in range(runs))
    return {"first_ms": 1e3 * first, "median_ms": 1e3 * later, "of_the_imports": later / imports}


def growth(runs: int) -> dict[str, float]:
    from vnasdsl.codegen import compile_network
    from vnasdsl.elaborate import load_source
    from vnasdsl.language.source import Source

    def compile_long(layers: int) -> object:
        return compile_network(load_source(Source("long.vns", long_network(layers)), None).get(), "long.vns")

    sizes = (1_000, 3_000, 10_000)
    compile_long(sizes[0])
    seconds = {n: median(timed(lambda n=n: compile_long(n)) for _ in range(max(1, runs // 3))) for n in sizes}
    result = {f"seconds_{n}": t for n, t in seconds.items()}
    base = seconds[sizes[0]] / sizes[0]
    result.update({f"per_layer_ratio_{n}": t / n / base for n, t in seconds.items()})
    return result


def formatting(runs: int, imports: float) -> dict[str, float]:
    from vnasdsl.language.format import format_text
    from vnasdsl.language.source import Source

    text = long_network(7_000)
    text = "\n".join(text.splitlines()[:-3][:997] + text.splitlines()[-3:]) + "\n"
    source = Source("long.vns", text)
    format_text(source)
    seconds = median(timed(lambda: format_text(source)) for _ in range(runs))
    return {"lines": text.count("\n"), "median_ms": 1e3 * seconds, "of_the_imports": seconds / imports}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=7)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    cpu = checks(given.runs)
    start = startup(given.runs)
    imports = start["imports_s"]
    figures = {
        "checks (multiples of the imports' CPU seconds)": cpu,
        "startup": start,
        "x3d3": in_process(given.runs, imports),
        "growth": growth(given.runs),
        "fmt": formatting(given.runs, imports),
    }
    if given.json:
        print(json.dumps(figures, indent=2))
        return
    for name, values in figures.items():
        print(name)
        for key, value in values.items():
            print(f"  {key:28} {value:.3f}")


if __name__ == "__main__":
    main()
