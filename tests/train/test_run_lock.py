"""One process at a time writes into a run folder."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import vnasdsl
from tests.train.locks import in_use
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import LOCK_FILE, holder_of
from vnasdsl.train.run_lock import writing


def taken(folder: Path) -> list[str]:
    """What is said while the lock is taken."""
    notes: list[str] = []
    with writing(folder, notes.append):
        facts = json.loads((folder / LOCK_FILE).read_text())
        assert facts["pid"] == os.getpid() and facts["host"] == socket.gethostname()
    return notes


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
def test_a_lock_that_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK_FILE).write_text(content)
    taken(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_looking_at_ones_own_lock_does_not_end_it(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(vnasdsl.__file__).parents[1])}
    with writing(tmp_path, print):
        assert (holder_of(tmp_path) or {})["pid"] == os.getpid()
        with pytest.raises(UserError, match=f"in use by process {os.getpid()}"):
            taken(tmp_path)
        code = "from pathlib import Path; from vnasdsl.runs.folder import holder_of; print(holder_of(Path()))"
        other = [sys.executable, "-c", code]
        seen = subprocess.run(other, capture_output=True, text=True, check=True, cwd=tmp_path, env=env)
        assert str(os.getpid()) in seen.stdout


def test_where_the_file_system_has_no_locks_nobody_is_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", unsupported)
    assert taken(tmp_path) == []
    assert holder_of(tmp_path) is None


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="is a file, not a folder"):
        taken(tmp_path / "run")
