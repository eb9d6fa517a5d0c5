"""A search that is killed before any of its file operations goes on to the end it would have had."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vnasdsl.cli.main import cli
from vnasdsl.train.run_folder import JsonLines

SEARCHES = {
    "gradient": ("epochs=2", "finalists=1", "finalist_epochs=1"),
    "one_shot": ("epochs=1", "finalists=1", "finalist_epochs=1", "enumerate_up_to=1", "scored=4", "population=2"),
    "evolution": ("epochs=1", "rounds=3", "population=2", "sample=2", "inherit=true"),
}
KILLS = 12
"""Of each search, spread over its operations."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}


def before_each_change(folder: Path, do: Callable[[], None]) -> None:
    """From here on, call `do` before every file operation of this process that changes something below a folder.

    There is no way back: for a process that ends.
    """

    def below(path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and Path(path).is_relative_to(folder)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        written = event == "open" and bool(args[2] & _WRITING)
        if (written or event in _CHANGES) and below(args[0]):
            do()

    flush = os.fsync

    def fsync(handle: int) -> None:
        if below(os.readlink(f"/proc/self/fd/{handle}")):
            do()
        flush(handle)

    sys.addaudithook(hook)
    os.fsync = fsync


def in_child(work: Callable[[], int]) -> int:
    """Do something in a fork of this process, which has torch loaded; the status that it ends with."""
    process = os.fork()
    if process == 0:
        status = 70
        try:
            status = work()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def command(strategy: str, space: Path, videos: Path, run: Path) -> list[str]:
    settings = [word for setting in SEARCHES[strategy] for word in ("--set", setting)]
    words = ["search", space, "--data", f"synthetic:{videos}", "--out", run, "--device", "cpu", "-q"]
    return [*map(str, words), "--set", f"strategy={strategy}", *settings]


def search(words: list[str]) -> Result:
    return CliRunner().invoke(cli, words, prog_name="vnasdsl")


def contents(run: Path) -> dict[str, object]:
    """Every file of a run, but for how it was called and how long it took; what is left half written shows as well."""
    found: dict[str, object] = {}
    for path in run.rglob("*"):
        if path.is_file() and path.name not in ("run.json", "times.jsonl"):
            found[str(path.relative_to(run))] = path.read_bytes()
    if (run / "metrics.jsonl").exists():
        found["metrics.jsonl"] = [
            {**line, "seconds": 0, "waited": 0} for line in JsonLines(run / "metrics.jsonl").read()
        ]
    return found


def places(count: int) -> Iterator[int]:
    yield from sorted({1, count, *(1 + i * (count - 1) // (KILLS - 1) for i in range(KILLS))})


@pytest.mark.slow
@pytest.mark.parametrize("strategy", SEARCHES)
def test_a_search_killed_before_a_file_operation_goes_on_to_the_same_end(
    strategy: str, space: Path, videos: Path, tmp_path: Path
) -> None:
    whole, run, counted = tmp_path / "whole", tmp_path / "run", tmp_path / "count"

    def count_operations() -> int:
        done = iter(range(1, 10_000))
        number = 0

        def one() -> None:
            nonlocal number
            number = next(done)

        before_each_change(whole, one)
        result = search(command(strategy, space, videos, whole))
        counted.write_text(str(number))
        return result.exit_code

    assert in_child(count_operations) == 0
    expected, count = contents(whole), int(counted.read_text())
    assert count > 50
    for place in places(count):
        shutil.rmtree(run, ignore_errors=True)

        def be_killed(place: int = place) -> int:
            left = iter(range(place - 1, -1, -1))
            before_each_change(run, lambda: next(left) or os.kill(os.getpid(), signal.SIGKILL))
            return search(command(strategy, space, videos, run)).exit_code

        assert in_child(be_killed) == -signal.SIGKILL, place
        again = search([*command(strategy, space, videos, run), "--resume"])
        assert again.exit_code == 0, f"killed before operation {place} of {count}: {again.output}"
        found = contents(run)
        assert found.keys() == expected.keys(), place
        assert [name for name in found if found[name] != expected[name]] == [], place
