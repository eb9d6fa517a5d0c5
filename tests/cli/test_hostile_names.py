"""Names of files, folders and classes are shown without what would move the cursor, colour or forge a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import RunCli
from tests.support import SPACES
from vnasdsl.data.faults import FaultLog
from vnasdsl.data.synthetic.make import Settings, make

NAME = "a\x1b[31mred\nerror: forged\x07\u202e"
SHOWN = "a␛[31mred␊error: forged␇<U+202E>"


def assert_safe(text: str) -> None:
    assert SHOWN in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert not any(line.startswith("error: forged") for line in text.splitlines())


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder of videos with a class of that name, one file of which is no video."""
    made = tmp_path / "made"
    make(made, Settings(classes=2, clips=2, test_clips=1, sizes=((24, 32),), lengths=(6, 6)))
    files = sorted(made.rglob("*.avi"))
    for number, (part, name) in enumerate([("train", NAME), ("train", "b"), ("test", NAME), ("test", "b")]):
        folder = tmp_path / "videos" / part / name
        folder.mkdir(parents=True)
        files[number].rename(folder / "good.avi")
    (tmp_path / "videos" / "train" / NAME / "bad.avi").write_bytes(b"no video")
    return tmp_path / "videos"


def test_classes_and_unreadable_videos(run_cli: RunCli, videos: Path) -> None:
    listed = run_cli("data", "info", f"folder:{videos}")
    assert (listed.returncode, listed.stderr) == (0, "")
    checked = run_cli("data", "check", f"folder:{videos}", "--workers", "0")
    for result in (listed, checked):
        assert_safe(result.stdout)
        assert SHOWN in result.stdout


def test_skipped_videos_are_named(videos: Path) -> None:
    lines: list[str] = []
    FaultLog(1.0, lines.append).add(str(videos / "train" / NAME / "bad.avi"), "moov atom\nnot found")
    assert_safe("\n".join(lines))
    assert len(lines[0].splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [["check"], ["compile", "-o", NAME], ["draw", "-o", f"{NAME}.svg"], ["fmt"], ["show"]],
    ids=" ".join,
)
def test_files(run_cli: RunCli, tmp_path: Path, command: list[str]) -> None:
    file = tmp_path / f"{NAME}.vns"
    file.write_bytes((SPACES / "tiny.vns").read_bytes().replace(b"residual {", b"residual  {"))
    result = run_cli(*command, file.name)
    assert result.returncode == 0, result.stderr
    if command != ["show"]:
        assert_safe(result.stdout + result.stderr)
    file.write_text("space s {\n  cnv(\n")
    result = run_cli(*command, file.name)
    assert result.returncode == 1
    assert_safe(result.stdout + result.stderr)


def test_files_that_are_not_there(run_cli: RunCli) -> None:
    for command in (["check"], ["retrain"], ["evaluate"], ["derive"], ["diff", NAME], ["draw", "-o", "x.svg"]):
        result = run_cli(*command, NAME)
        assert result.returncode == 2 if command[0] == "diff" else 1
        assert_safe(result.stdout + result.stderr)
