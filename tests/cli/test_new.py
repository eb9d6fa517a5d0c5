"""`vnasdsl new`: a project that works as it is."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import RunCli
from vnasdsl.project import read_settings

FILES = {
    ".gitattributes",
    ".gitignore",
    ".pre-commit-config.yaml",
    "README.md",
    "pyproject.toml",
    "generated",
    "spaces",
}


def test_the_project_works(run_cli: RunCli, tmp_path: Path) -> None:
    result = run_cli("new", "first")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == "try: cd first && vnasdsl check spaces/tiny.vns"
    first = tmp_path / "first"
    assert {path.name for path in first.iterdir()} == FILES
    spaces = sorted(f"spaces/{path.name}" for path in (first / "spaces").iterdir())
    assert spaces == ["spaces/tiny.vns", "spaces/x3d3.vns", "spaces/x3d3_k400.vns"]
    for command in (["check"], ["fmt", "--check"], ["compile", "--check"]):
        result = run_cli(*command, *spaces, cwd=first)
        assert result.returncode == 0, result.stderr
    settings = read_settings(first)
    assert Path(settings.space or "") == first / "spaces" / "tiny.vns"
    assert settings.data == "synthetic"
    readme = (first / "README.md").read_text(encoding="utf-8")
    assert "{" not in readme
    assert "# first\n" in readme
    assert "- `spaces/x3d3_k400.vns`: The network of Table 3 of Zhou et al. 2021, found on Kinetics-400\n" in readme
    hooks = yaml.safe_load((first / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == ["vnasdsl check", "vnasdsl fmt", "vnasdsl compile"]
    assert "*.vns diff=vns\n" in (first / ".gitattributes").read_text(encoding="utf-8")


def test_chosen_spaces_come_with_their_imports(run_cli: RunCli, tmp_path: Path) -> None:
    assert run_cli("new", ".", "--space", "evanet_a", "--space", "tiny").returncode == 0
    assert {path.stem for path in (tmp_path / "spaces").iterdir()} == {"evanet", "evanet_a", "tiny"}
    table = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["vnasdsl"]
    assert table["space"] == "spaces/evanet_a.vns"


def test_imports_from_another_folder_come_too(run_cli: RunCli, tmp_path: Path) -> None:
    assert run_cli("new", ".", "--space", "zoo/movinet").stdout.endswith("vnasdsl check spaces/zoo/movinet.vns\n")
    assert 'import "../movinet.vns"' in (tmp_path / "spaces/zoo/movinet.vns").read_text()
    assert (tmp_path / "spaces/movinet.vns").is_file()


def test_nothing_is_overwritten(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    result = run_cli("new", ".")
    assert (result.returncode, result.stdout) == (1, "")
    assert "error: `.` already has `README.md`" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.parametrize(("name", "help"), [("evanet_b", "did you mean `evanet_a`?"), ("zzz", "shipped are ")])
def test_a_space_that_is_not_shipped(run_cli: RunCli, tmp_path: Path, name: str, help: str) -> None:
    result = run_cli("new", "x", "--space", name)
    assert result.returncode == 1
    assert f"vnasdsl comes with no space `{name}`" in result.stderr
    assert help in result.stderr
    assert not (tmp_path / "x").exists()


def test_what_is_shipped_is_listed(run_cli: RunCli, tmp_path: Path) -> None:
    lines = run_cli("new", "--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(
        path.relative_to("spaces").with_suffix("").as_posix() for path in Path("spaces").rglob("*.vns")
    )
    assert all(len(line.split()) > 3 for line in lines)
