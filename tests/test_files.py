"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from vnasdsl.files import write_atomic


def test_writes_text_and_bytes_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.txt"
    assert write_atomic(path, "größer\r\n")
    assert path.read_bytes() == "größer\r\n".encode()
    assert write_atomic(str(path), b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert list(path.parent.iterdir()) == [path]


def test_equal_bytes_are_not_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "c.txt"
    write_atomic(path, "same")
    before = path.stat()
    assert not write_atomic(path, b"same")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.txt"
    write_atomic(path, "old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as caught:
        write_atomic(path, "new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_bytes_and_names_are_on_the_disk_in_the_right_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content before the rename, the name after it; and each new folder in the one above."""
    done: list[str] = []
    flush, replace = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        done.append(f"{kind} {Path(os.readlink(f'/proc/self/fd/{handle}')).name}" if kind == "folder" else kind)
        flush(handle)

    def rename(self: Path, target: Path) -> Path:
        done.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    write_atomic(tmp_path / "a" / "b" / "c.txt", "text")
    assert done == [f"folder {tmp_path.name}", "folder a", "file", "rename", "folder b"]


def test_permissions(tmp_path: Path) -> None:
    path, plain = tmp_path / "c.txt", tmp_path / "plain.txt"
    plain.write_text("made by the system")
    write_atomic(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    path.chmod(0o640)
    write_atomic(path, "newer")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    assert write_atomic(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write_atomic(tmp_path, "text")


def test_a_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "locked.vns"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(PermissionError):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["locked.vns"]
    assert not write_atomic(path, "old")
