"""`python -m tests.safety.fuzz --seconds 300`: any text gives diagnostics or success.

Never a traceback, more than 2 seconds of CPU time in one command, or more than 512 MiB. What fails is saved with its
seed; `--seed N --count 1` runs it again.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tests.safety.networks import wrong_networks
from tests.safety.texts import MAIN, Files, draw, spoilt
from vnasdsl.cli.check import check_file
from vnasdsl.cli.main import cli

MEMORY = 512 << 20
OTHER = "other.vns"
"""The text a little spoilt: what it is compared with."""
COMMANDS = (
    ("check",),
    ("check", "--format", "json"),
    ("check", "--format", "github"),
    ("compile", "-o", "out", "--force", "--format", "concise"),
    ("show",),
    ("show", "--layers"),
    ("show", "--json"),
    ("show", "--emit", "tree"),
    ("show", "--emit", "space"),
    ("show", "--emit", "graph"),
    ("show", "--emit", "python"),
    ("draw", "-o", "x.svg"),
    ("draw", "-o", "x.mmd"),
    ("draw", "--layers", "-o", "x.dot"),
    ("diff", OTHER),
    ("diff", "--format", "json", OTHER),
    ("diff", "--format", "markdown", OTHER),
    ("fmt", "--diff"),
    ("fmt",),
)
SEVERAL = {"sound", "graph", "graph towers", "deep graph", "spoilt graph"}
"""Kinds of which networks are drawn."""
PROVE = False
"""Whether networks drawn from a space have to be proven to lie in it; `--prove`."""
ALWAYS = ("check", "compile", "draw", "diff", "fmt", "show")


class TooSlow(BaseException):
    """Not an Exception, so that nothing catches it on the way."""


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow


@contextlib.contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    before = signal.signal(signal.SIGPROF, _too_slow)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def run(arguments: list[str], cpu_seconds: float) -> str | None:
    """What is wrong with one run of the command; None when nothing is."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
    status: object = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), cpu_limit(cpu_seconds):
            cli.main(arguments, prog_name="vnasdsl", standalone_mode=True)
    except SystemExit as done:
        status = done.code
    except TooSlow:
        return f"more than {cpu_seconds} seconds of CPU time"
    except BaseException as fault:
        return f"{type(fault).__name__}: {fault}"
    written = out.buffer.getvalue().decode("utf-8")
    if status not in (0, 1, None) and not (status == 2 and arguments[0] == "diff" and "Usage:" not in written):
        return f"exit status {status}\n{written[-3000:]}"
    if "Traceback (most recent" in written and "this is a bug" in written:
        return written[-3000:]
    return None


def run_networks(seed: int, path: Path, cpu_seconds: float) -> str | None:
    """What is wrong with networks drawn from the spaces of a file."""
    try:
        with cpu_limit(8 * cpu_seconds):
            program, found = check_file(path)
            if program is None or any(d.severity == "error" for d in found):
                return None
            for space in program.spaces.values():
                wrong = wrong_networks(space, random.Random(seed), 2, PROVE)
                if wrong is not None:
                    return wrong
    except TooSlow:
        return f"more than {8 * cpu_seconds} seconds of CPU time for two networks"
    except Exception:
        return traceback.format_exc()
    return None


def commands(seed: int) -> list[tuple[str, ...]]:
    """One form of each command."""
    rng = random.Random(seed)
    made = [rng.choice([c for c in COMMANDS if c[0] == name]) for name in ALWAYS]
    return [rng.choice(made)] if rng.random() < 0.3 else made


def lay_out(files: Files, folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def try_one(seed: int, folder: Path, cpu_seconds: float) -> tuple[str, Files, str | None]:
    """The kind and files of a seed, and what is wrong."""
    kind, files = draw(seed)
    other = spoilt(random.Random(seed), files[MAIN].decode("utf-8", "replace"))
    lay_out({**files, OTHER: other.encode("utf-8", "replace")}, folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        if kind in SEVERAL and (wrong := run_networks(seed, folder / MAIN, cpu_seconds)) is not None:
            return kind, files, wrong
        for command in commands(seed):
            wrong = run([*command, MAIN], cpu_seconds)
            if wrong is not None:
                return kind, files, f"vnasdsl {' '.join(command)} {MAIN}: {wrong}"
    finally:
        os.chdir(before)
    return kind, files, None


def fuzz(seed: int, seconds: float, count: int | None, cpu_seconds: float, save: Path) -> tuple[int, int]:
    """Seeds from `seed` on, until the time or the count is over. Returns: inputs tried, inputs that failed."""
    os.environ.update(VNASDSL_TRACEBACK="1", NO_COLOR="1", COLUMNS="100")
    start, tried, failed = time.monotonic(), 0, 0
    while (count is None or tried < count) and time.monotonic() - start < seconds:
        with tempfile.TemporaryDirectory() as folder:
            kind, files, wrong = try_one(seed + tried, Path(folder), cpu_seconds)
        if wrong is not None:
            failed += 1
            place = save / f"seed{seed + tried}"
            shutil.rmtree(place, ignore_errors=True)
            lay_out(files, place)
            (place / "fault.txt").write_text(wrong, encoding="utf-8", errors="backslashreplace")
            print(f"seed {seed + tried} ({kind}): {wrong}\nsaved in {place}\n", flush=True)
        tried += 1
    return tried, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, help="the first seed [default: by the clock]")
    parser.add_argument("--count", type=int, help="inputs to try at most")
    parser.add_argument("--cpu-seconds", type=float, default=2.0, help="for one command; more on a slow machine")
    parser.add_argument("--save", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--prove", action="store_true", help="networks drawn from spaces must be proven to lie in them")
    given = parser.parse_args()
    global PROVE
    PROVE = given.prove
    seed = time.time_ns() % 10**12 if given.seed is None else given.seed
    limit = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, limit))
    print(f"seeds from {seed} on", flush=True)
    tried, failed = fuzz(seed, given.seconds, given.count, given.cpu_seconds, given.save)
    print(json.dumps({"seed": seed, "tried": tried, "failed": failed}))
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
