"""Some texts of the fuzzer; hundreds in `make test-slow`, minutes of them in `make fuzz`. Failures name their seed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.safety.fuzz import MEMORY, run
from tests.safety.texts import KINDS, draw
from tests.support import ROOT, cli_environment
from vnasdsl.elaborate.program import examine
from vnasdsl.language.source import Source

CPU_SECONDS = 10
"""For one command: a machine that runs many tests at once may be several times slower than it could be."""


@pytest.mark.parametrize(("seconds", "count"), [(20, 20), pytest.param(180, 600, marks=pytest.mark.slow)])
def test_any_text_gives_diagnostics_or_success(seconds: int, count: int, tmp_path: Path) -> None:
    """The same texts everywhere under CI, new ones on every other run."""
    seed = 1 if os.environ.get("CI") else time.time_ns() % 10**9
    limits = ["--seconds", str(seconds), "--count", str(count), "--cpu-seconds", str(CPU_SECONDS)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.safety.fuzz", *limits, "--seed", str(seed), "--save", str(tmp_path)],
        cwd=ROOT,
        env=cli_environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="backslashreplace",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'"seed": {seed}' in done.stdout


def test_a_seed_gives_the_same_text_again_and_every_kind_comes() -> None:
    drawn = [draw(seed) for seed in range(400)]
    assert drawn == [draw(seed) for seed in range(400)]
    assert {kind for kind, _ in drawn} == set(KINDS)
    assert MEMORY == 512 * 1024 * 1024


def test_many_of_the_made_up_programs_mean_something() -> None:
    """Else only the parser would be tried."""
    drawn = [draw(seed) for seed in range(400)]
    texts = [Source("made", files["main.vns"].decode("utf-8", "replace")) for kind, files in drawn if kind == "sound"]
    programs = [examine(text, None)[0] for text in texts]
    sound = [p for p in programs if p is not None and all(d.severity != "error" for d in p.warnings)]
    assert len(sound) > len(texts) / 2
    assert sum(bool(space.choices) for program in sound for space in program.spaces.values()) > 10


def test_the_fuzzer_sees_what_is_wrong(tmp_path: Path) -> None:
    good = str(ROOT / "spaces" / "tiny.vns")
    assert run(["check", good], CPU_SECONDS) is None
    assert run(["check", str(tmp_path / "missing.vns")], CPU_SECONDS) is None
    assert "exit status 2" in (run(["check", "--no-such-option"], CPU_SECONDS) or "")
    assert "CPU time" in (run(["show", "--emit", "graph", good], 0.001) or "")
