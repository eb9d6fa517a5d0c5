"""One process at a time writes into a run folder."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.train.locks import in_use
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.holder import LOCK_FILE
from vnasdsl.train.run_lock import writing


def taken(folder: Path) -> list[str]:
    """What is said while the lock is taken."""
    notes: list[str] = []
    with writing(folder, notes.append):
        facts = json.loads((folder / LOCK_FILE).read_text())
        assert facts["pid"] == os.getpid() and facts["host"] == socket.gethostname()
    return notes


def left_by(folder: Path, **facts: object) -> str:
    folder.mkdir(exist_ok=True)
    text = json.dumps({"pid": 17, "host": "elsewhere", "since": "yesterday", "command": "vnasdsl search", **facts})
    (folder / LOCK_FILE).write_text(text)
    return text


def test_a_folder_is_made_and_the_lock_leaves_nothing_behind(tmp_path: Path) -> None:
    assert taken(tmp_path / "a" / "run") == []
    assert list((tmp_path / "a" / "run").iterdir()) == []
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "run", print):
        _ = 1 / 0
    assert list((tmp_path / "run").iterdir()) == []


def test_a_second_process_is_told_who_writes_and_a_dead_one_is_followed(tmp_path: Path) -> None:
    with in_use(tmp_path) as process:
        with pytest.raises(UserError) as caught:
            taken(tmp_path)
        assert f"`{tmp_path}` is in use by process {process.pid} on {socket.gethostname()} since 20" in (
            caught.value.message
        )
        assert "vnasdsl" in caught.value.message and "--out" in str(caught.value.help)
        process.kill()
        process.join()
        (note,) = taken(tmp_path)  # although what it has forked lives
        assert f"was left by process {process.pid}" in note and "which is gone" in note
    assert taken(tmp_path) == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_lock_that_says_nothing(tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    (tmp_path / LOCK_FILE).write_text(content)
    taken(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_process_of_another_machine_counts_as_gone_when_it_falls_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    left_by(tmp_path)
    notes = taken(tmp_path)
    assert sum(waited) > 40
    assert "waiting 45 s for a sign of life" in notes[0] and "was left by process 17 on elsewhere" in notes[1]


def test_a_process_of_another_machine_that_shows_life_is_not_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / LOCK_FILE
    text = left_by(tmp_path)
    beats = iter(range(100))
    monkeypatch.setattr(time, "sleep", lambda _seconds: os.utime(path, (0, next(beats) // 10)))
    with pytest.raises(UserError, match="is in use by process 17 on elsewhere since yesterday: vnasdsl search"):
        taken(tmp_path)
    assert path.read_text() == text


def test_where_the_file_system_has_no_locks_the_process_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", unsupported)
    assert taken(tmp_path) == []
    left_by(tmp_path, host=socket.gethostname(), pid=os.getppid())
    with pytest.raises(UserError, match=f"in use by process {os.getppid()}"):
        taken(tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left_by(tmp_path, host=socket.gethostname(), pid=ended.pid)
    assert "which is gone" in taken(tmp_path)[0]


def test_a_holder_shows_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vnasdsl.train import run_lock

    monkeypatch.setattr(run_lock, "_BEAT", 0.001)
    with writing(tmp_path, print):
        path = tmp_path / LOCK_FILE
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 60
        while path.stat().st_mtime == 0:
            assert time.monotonic() < deadline


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="is a file, not a folder"):
        taken(tmp_path / "run")
