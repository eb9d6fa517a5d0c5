"""What may happen to a run: another process, damaged files, signals, a full disk. It says what to do, and goes on."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from click.testing import Result
from safetensors.torch import load_file, save_file

from tests.support import some_slow
from tests.train.locks import in_use
from vnasdsl.data import cache, loader
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.checkpoint import Checkpoints
from vnasdsl.train.loop import require_sound

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
    (run / "finalists").mkdir()
    (run / "finalists" / ".00000.safetensors.x1.tmp").write_text("the same")
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


# --------------------------------------------------------------------------- what the machine and the data may do


@pytest.fixture
def run_search(vnasdsl: Command, space: Path, videos: Path, tmp_path: Path) -> Command:
    """`run_search("--set", "epochs=2")`: a search into tmp_path/run."""

    def run(*more: str, data: Path = videos) -> Result:
        return vnasdsl(
            "search", space, "--data", f"synthetic:{data}", "--out", tmp_path / "run", "--device", "cpu", "-q", *more
        )

    return run


def test_a_full_disk_is_named_and_the_run_goes_on(
    run_search: Command, searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def full(handle: int) -> None:
        if "/.epoch-0002.tmp/.weights" in os.readlink(f"/proc/self/fd/{handle}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        result = run_search()
    assert result.exit_code == 1
    file = tmp_path / "run" / "checkpoints" / ".epoch-0002.tmp" / "weights.safetensors"
    assert f"error: `{file}` cannot be written: the disk is full" in result.stderr
    assert "continue with: vnasdsl " in result.stderr
    assert "--resume" in result.stderr.splitlines()[-1]
    assert run_search("--resume").exit_code == 0
    assert_as(tmp_path / "run", searched)


@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize("number", some_slow([signal.SIGTERM, signal.SIGHUP], [signal.SIGHUP]))
def test_a_run_that_is_terminated_is_kept(
    run_search: Command, searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    save = Checkpoints.save

    def saved(self: Checkpoints, epoch: int, *more: Any, **named: Any) -> None:
        save(self, epoch, *more, **named)
        if epoch == 2:
            os.kill(os.getpid(), number)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", saved)
        result = run_search()
    assert result.exit_code == 128 + number
    assert f"interrupted: finished work is kept in {tmp_path / 'run'}" in result.stderr and "--resume" in result.stderr
    assert run_search("--resume").exit_code == 0
    assert_as(tmp_path / "run", searched)


def test_a_decoder_that_is_killed(run_search: Command, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_path: str, *_more: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    cache.STORE.clear()  # of what other tests decoded in this process
    monkeypatch.setattr(cache, "scan", killed)
    result = run_search("--set", "workers=1")
    assert result.exit_code == 1
    assert "error: a process that decodes videos " in result.stderr and "--resume" in result.stderr
    assert sum(str(path) in result.stderr for path in videos.rglob("*.avi")) == 1


def test_a_video_that_hangs_is_named(run_search: Command, videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.STORE.clear()
    monkeypatch.setattr(cache, "scan", lambda _path: Event().wait())
    monkeypatch.setattr(loader, "HANG_SECONDS", 0.5)
    result = run_search("--set", "workers=1")
    assert result.exit_code == 1 and "error: no video could be read for 0.5 s" in result.stderr
    assert sum(str(path) in result.stderr for path in videos.rglob("*.avi")) == 1


def test_videos_of_which_none_can_be_read(
    vnasdsl: Command, run_search: Command, searched: Path, videos: Path, tmp_path: Path
) -> None:
    shutil.copytree(videos, tmp_path / "videos")
    for path in (tmp_path / "videos").rglob("*.avi"):
        path.write_bytes(b"nothing")
    data = ["--data", f"synthetic:{tmp_path / 'videos'}", "--set", "unreadable=1.0", "-q"]
    for result in (
        run_search("--set", "unreadable=1.0", data=tmp_path / "videos"),
        vnasdsl("retrain", searched, "--out", tmp_path / "retrained", *data),
        vnasdsl("evaluate", searched, *data),
    ):
        assert result.exit_code == 1 and "none of the videos can be read; the first: " in result.stderr, result.stderr[
            -500:
        ]


def test_weights_that_are_no_numbers(vnasdsl: Command, searched: Path, tmp_path: Path) -> None:
    weights = load_file(searched / "network.safetensors")
    broken = {name: t * float("nan") if t.is_floating_point() else t for name, t in weights.items()}
    save_file(broken, tmp_path / "nan.safetensors")
    for more in ([], ["--json"]):
        result = vnasdsl("evaluate", searched, "--weights", tmp_path / "nan.safetensors", "-q", *more)
        assert result.exit_code == 1 and result.stdout == ""
        assert "the network scores 6 of 6 videos with NaN" in result.stderr


def test_a_loss_that_grows_without_bound_ends_the_run(run_search: Command, tmp_path: Path) -> None:
    result = run_search("--set", "weights=sgd(lr=1e6)")
    assert result.exit_code == 1 and "training has diverged" in result.stderr and "weights.lr" in result.stderr
    assert not (tmp_path / "run" / "network.vns").exists()


def test_a_loss_far_beyond_guessing_is_said() -> None:
    said: list[str] = []
    require_sound({"epoch": 1, "train_loss": 2.3, "validate_loss": None, "expected_macs": 1e12}, said.append)
    assert said == []
    require_sound({"epoch": 2, "train_loss": 1234.5}, said.append)
    assert said[0].startswith("the train loss of epoch 2 is 1234, far worse than guessing")
    for value in (float("nan"), float("inf"), 1e12):
        with pytest.raises(UserError, match="training has diverged"):
            require_sound({"epoch": 3, "validate_loss": value})


def test_a_damaged_line_of_metrics_is_named(vnasdsl: Command, again: tuple[Path, list[str | Path]]) -> None:
    run, search = again
    path = run / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"train_loss", b"train_l\xffss") + lines[2])
    result = vnasdsl(*search)
    assert result.exit_code == 1 and f"error: `{path}` is damaged in line 2" in result.stderr
    assert "delete that line" in result.stderr
