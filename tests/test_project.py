"""Where a project begins, and its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import ROOT
from vnasdsl.language.diagnostics import UserError
from vnasdsl.project import project_root, read_settings


def write_settings(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "pyproject.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_root_is_the_nearest_folder_with_a_mark(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    (inner / "deep").mkdir(parents=True)
    (tmp_path / "outer" / ".git").mkdir()
    assert project_root(inner / "deep" / "a.vns") == tmp_path / "outer"
    write_settings(inner, "")
    assert project_root(inner / "deep" / "a.vns") == inner
    assert project_root(inner / "deep") == inner
    assert project_root(inner) == inner


def test_root_without_a_mark_is_the_folder_of_the_file(tmp_path: Path) -> None:
    assert project_root(tmp_path / "a.vns") == tmp_path


def test_root_of_a_link_is_that_of_its_target(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    write_settings(tmp_path / "there", "")
    (tmp_path / "there" / "a.vns").write_text("")
    (tmp_path / "here" / "a.vns").symlink_to(tmp_path / "there" / "a.vns")
    assert project_root(tmp_path / "here" / "a.vns") == tmp_path / "there"


def test_a_worktree_has_a_file_named_git(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    (tmp_path / "sub").mkdir()
    assert project_root(tmp_path / "sub" / "a.vns") == tmp_path


def test_this_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    settings = read_settings()
    assert settings.file == ROOT / "pyproject.toml"
    assert (settings.space, settings.data) == ("spaces/tiny.vns", "synthetic")
    assert (settings.recipe, settings.out) == (None, None)


def test_paths_are_seen_from_the_folder_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(
        tmp_path, '[tool.vnasdsl]\nspace = "s/a.vns"\ndata = "ucf101:videos"\nout = "runs"\nrecipe = "fast"\n'
    )
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    settings = read_settings()
    assert settings.space == str(tmp_path / "s" / "a.vns")
    assert settings.data == f"ucf101:{tmp_path / 'videos'}"
    assert settings.out == str(tmp_path / "runs")
    assert settings.recipe == "fast"
    monkeypatch.chdir(tmp_path)
    assert read_settings().data == "ucf101:videos"


def test_an_absolute_path_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(tmp_path, '[tool.vnasdsl]\ndata = "kinetics:/videos"\n')
    monkeypatch.chdir(tmp_path)
    assert read_settings().data == "kinetics:/videos"


def test_a_file_without_the_table_is_passed_over(tmp_path: Path) -> None:
    outer = write_settings(tmp_path, '[tool.vnasdsl]\nspace = "a.vns"\n')
    write_settings(tmp_path / "inner", '[project]\nname = "other"\n')
    assert read_settings(tmp_path / "inner").file == outer


def test_without_settings(tmp_path: Path) -> None:
    settings = read_settings(tmp_path)
    assert settings.file is None
    assert settings.space is None


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ('[tool.vnasdsl]\nspaec = "a"\n', r"unknown key `spaec` in \[tool.vnasdsl\]", "did you mean `space`?"),
        ("[tool.vnasdsl]\nzzz = 1\n", "unknown key `zzz`", "known keys are `space`, `data`, `recipe`, `out`, `layers`"),
        ("[tool.vnasdsl]\nspace = 3\n", r"`space` in \[tool.vnasdsl\]: input should be a valid string", None),
        ('[tool.vnasdsl]\nspace = ""\n', r"`space` in \[tool.vnasdsl\]: string should have at least 1", None),
        ("tool.vnasdsl = 3\n", "`tool.vnasdsl` is not a table", "write it as [tool.vnasdsl]"),
        ("[tool\n", "is not TOML", None),
    ],
)
def test_faults_name_the_file_and_the_key(tmp_path: Path, text: str, message: str, remedy: str | None) -> None:
    file = write_settings(tmp_path, text)
    with pytest.raises(UserError, match=message) as fault:
        read_settings(tmp_path)
    assert str(file) in fault.value.message
    assert fault.value.help == remedy


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="is not UTF-8"):
        read_settings(tmp_path)
