"""What shells complete, asked as their scripts ask."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT
from vnasdsl.cli.main import COMMANDS
from vnasdsl.train.recipes import recipe_fields


@pytest.fixture
def complete(run_cli):
    def ask(line: str, cwd: Path = ROOT) -> list[str]:
        words = line.split(" ")
        env = {"_VNASDSL_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        result = run_cli(cwd=cwd, env=env)
        assert not result.stderr
        return [answer.partition(",")[2] for answer in result.stdout.splitlines()]

    return ask


def test_commands(complete) -> None:
    assert complete("vnasdsl ") == list(COMMANDS)
    assert complete("vnasdsl comp") == ["compile", "completion"]
    assert complete("vnasdsl completion ") == ["bash", "zsh", "fish"]


def test_files_and_keys(complete) -> None:
    assert complete("vnasdsl check spaces/x3d3") == ["spaces/x3d3"]  # the shell completes files itself
    keys = complete("vnasdsl search spaces/tiny.vns --set ")
    assert keys == [f"{key}=" for key in recipe_fields("search")]
    assert complete("vnasdsl retrain runs/x --set epo") == ["epochs="]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(run_cli, tmp_path: Path, shell: str) -> None:
    result = run_cli("completion", shell)
    assert result.returncode == 0
    assert "_VNASDSL_COMPLETE" in result.stdout
    if shell == "fish":  # descriptions keep their commas
        assert 'string split --max 1 "," $completion' in result.stdout
    installed = shutil.which(shell)
    if installed is not None:  # the shell itself reads it
        script = tmp_path / "script"
        script.write_text(result.stdout, encoding="utf-8")
        subprocess.run([installed, "-n", str(script)], check=True)


def test_no_other_shell(run_cli) -> None:
    assert run_cli("completion", "tcsh").returncode == 2
