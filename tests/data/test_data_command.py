from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.data.videos import encode_numbered
from vnasdsl.cli.main import cli

SMALL = ("--classes", "2", "--clips", "3", "--test-clips", "2", "--size", "16x24", "--size", "32x32", "--length", "4-6")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["data", *map(str, arguments)])


@pytest.mark.parametrize("layout", ["ucf101", "kinetics"])
def test_make_a_set_and_look_at_it(tmp_path: Path, layout: str) -> None:
    folder = tmp_path / "set"
    made = run("synthetic", folder, "--layout", layout, *SMALL)
    assert made.exit_code == 0
    assert f"10 videos of 2 classes in {folder}; read them with --data synthetic:{folder}" in made.output
    looked = run("info", f"{layout}:{folder}", "--json")
    assert looked.exit_code == 0
    found = json.loads(looked.stdout)
    assert (found["name"], found["layout"]) == (f"{layout}:{folder}", layout)
    assert [(row["train"], row["test"]) for row in found["classes"]] == [(3, 2), (3, 2)]
    assert found["splits"]["train"] == {"videos": 6, "missing": 0}
    assert found["notes"] == []
    seen = json.loads(run("check", f"{layout}:{folder}", "--clip", "4", "--workers", "0", "--json").stdout)
    assert 4 <= seen["lengths"]["min"] <= seen["lengths"]["median"] <= seen["lengths"]["max"] <= 6
    assert sum(row["files"] for row in seen["sizes"]) == 10


def test_info_for_people(folder_set: Callable[..., Path]) -> None:
    root = folder_set(train=3, test=2, frames=7, height=32, width=48)
    (root / "train/b/v1.avi").write_bytes(b"broken")
    shown = run("info", f"folder:{root}")
    assert shown.exit_code == 0
    assert shown.output.splitlines() == [
        f"folder:{root}: 2 classes, layout folder",
        "",
        "class  train  test",
        "a          3     2",
        "b          3     2",
        "all        6     4",
    ]
    checked = run("check", f"folder:{root}", "--workers", "0").output
    assert f"unreadable: {root}/train/b/v1.avi: Invalid data found when processing input" in checked
    assert "7 to 7 frames, median 7; height x width (files): 32x48 (9)" in checked


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("info", "ucf101:/no/such/folder"), 1, "data folder `/no/such/folder` does not exist"),
        (("info", "ufc101:x"), 1, "did you mean `ucf101`?"),
        (("synthetic", "x", "--classes", "99"), 1, "a synthetic set of motions cannot have 99 classes"),
        (("synthetic", "x", "--size", "large"), 2, "as in 48x64"),
        (("synthetic", "x", "--length", "long"), 2, "such as 16-32"),
        (("synthetic",), 2, "Missing argument"),
        (("info", "x", "--split", "7"), 2, "--split"),
    ],
)
def test_bad_input(
    arguments: tuple[str, ...], status: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert (done.exit_code, list(tmp_path.iterdir())) == (status, [])
    assert words in done.output
    assert "Traceback" not in done.output


def test_force(tmp_path: Path) -> None:
    assert run("synthetic", tmp_path / "set", *SMALL).exit_code == 0
    again = run("synthetic", tmp_path / "set", *SMALL)
    assert again.exit_code == 1
    assert "pass --force to replace it" in again.output
    assert run("synthetic", tmp_path / "set", *SMALL, "--force").exit_code == 0


@pytest.mark.parametrize("command", [(), ("synthetic",), ("info",)])
def test_help_has_examples(command: tuple[str, ...]) -> None:
    shown = run(*command, "--help")
    assert shown.exit_code == 0
    assert "Examples:" in shown.output


def test_names_with_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    name = "wave\x1b[2J\x9b31m\nhand"
    for part in ("train", "test"):
        encode_numbered(tmp_path / part / "plain" / "v.avi", 3)
        encode_numbered(tmp_path / part / name / "v.avi", 3)
    (tmp_path / "train" / name / "broken\r.avi").write_bytes(b"nothing")
    looked = run("check", f"folder:{tmp_path}", "--workers", "0")
    assert "wave␛[2J<U+009B>31m␊hand" in looked.output and "broken␍.avi: " in looked.output
    assert not set("\x1b\x9b\r") & set(looked.output)
