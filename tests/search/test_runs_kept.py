"""What may happen to a run: another process, damaged files, signals, a full disk. It says what to do, and goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.train.locks import in_use

Command = Callable[..., Result]
OUTCOME = ("network.vns", "network.py", "network.safetensors", "choices.json", "report.json", "paths.png")


@pytest.fixture
def again(searched: Path, space: Path, videos: Path, tmp_path: Path) -> tuple[Path, list[str | Path]]:
    """A finished search whose last epochs are to be made again, and the command that resumes it."""
    run = tmp_path / "run"
    shutil.copytree(searched, run)
    for name in OUTCOME:
        (run / name).unlink()
    return run, ["search", space, "--data", f"synthetic:{videos}", "--out", run, "--device", "cpu", "-q", "--resume"]


def assert_as(run: Path, whole: Path) -> None:
    for name in OUTCOME:
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    assert not list(run.rglob(".*"))


def test_a_run_that_another_process_writes_is_left_alone(
    vnasdsl: Command, searched: Path, again: tuple[Path, list[str | Path]], tmp_path: Path
) -> None:
    run, search = again
    assert vnasdsl(*search).exit_code == 0
    names = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    commands: list[list[str | Path]] = [search, ["derive", run, "-q"], ["retrain", searched, "--out", run, "--resume"]]
    with in_use(run) as process:
        for command in commands:
            result = vnasdsl(*command)
            assert result.exit_code == 1, command
            assert f"error: `{run}` is in use by process {process.pid} on " in result.stderr
        result = vnasdsl("derive", run, "-q", "-o", tmp_path / "elsewhere.vns")
        assert result.exit_code == 0, result.output
        assert all(path.read_bytes() == content for path, content in names.items())
    assert vnasdsl("derive", run, "-q").exit_code == 0


@pytest.mark.parametrize(
    ("file", "how"), [("weights.safetensors", "one byte changed"), ("state.safetensors", "cut short")]
)
def test_a_damaged_checkpoint_costs_an_epoch_and_nothing_else(
    vnasdsl: Command, searched: Path, again: tuple[Path, list[str | Path]], file: str, how: str
) -> None:
    run, search = again
    path = run / "checkpoints" / "epoch-0003" / file
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if how == "cut short" else content[:-9] + b"!" + content[-8:])
    (run / ".network.vns.x1.tmp").write_text("what a kill leaves half written")
    (run / "checkpoints" / ".epoch-0004.tmp").mkdir()
    result = vnasdsl(*search)
    assert result.exit_code == 0, result.output
    assert f"warning: `{path}` is" in result.stderr and "going on from the checkpoint `epoch-0002`" in result.stderr
    assert_as(run, searched)


def test_without_a_whole_checkpoint_the_error_says_what_to_do(
    vnasdsl: Command, again: tuple[Path, list[str | Path]]
) -> None:
    run, search = again
    for path in run.glob("checkpoints/*/weights.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    result = vnasdsl(*search)
    assert result.exit_code == 1
    assert f"error: every checkpoint of `{run}` is damaged" in result.stderr and "another --out" in result.stderr
