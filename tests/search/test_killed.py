"""A search that is killed outright goes on to the end it would have had."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file

from tests.support import cli_environment

_DEADLINE = 120.0


def wait_for_lines(path: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Until a file has that many whole lines; fails when the process ends before, or at the deadline."""
    deadline = time.monotonic() + _DEADLINE
    while not path.is_file() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None, f"the search ended with {process.returncode} before it could be killed"
        assert time.monotonic() < deadline, f"{path} has not {count} lines"
        time.sleep(0.005)


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_same_end(
    vnasdsl: Callable[..., Result], space: Path, videos: Path, tmp_path: Path
) -> None:
    # Epochs enough that the second is not nearly the end; one thread everywhere, so that sums are added up alike.
    search = ["search", space, "--data", f"synthetic:{videos}", "--device", "cpu", "--set", "epochs=6", "-q"]
    run = tmp_path / "killed"
    command = [sys.executable, "-m", "vnasdsl", *map(str, search), "--out", str(run)]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=cli_environment({"OMP_NUM_THREADS": "1"}), stdout=subprocess.DEVNULL
    )
    try:
        wait_for_lines(run / "metrics.jsonl", 2, process)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (run / "network.vns").exists()

    for folder, more in ((run, ["--resume"]), (tmp_path / "whole", [])):
        result = vnasdsl(*search, "--out", folder, *more)
        assert result.exit_code == 0, result.output
    for name in ("network.vns", "network.py", "choices.json"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    killed, whole = (load_file(folder / "network.safetensors") for folder in (run, tmp_path / "whole"))
    assert killed.keys() == whole.keys() and all(torch.equal(killed[name], whole[name]) for name in whole)
