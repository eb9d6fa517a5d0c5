"""The command itself: help without imports, no torch in light commands, every command whole."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, run

import click
import pytest
from click.testing import CliRunner

from tests.support import cli_environment
from vnasdsl import __version__
from vnasdsl.cli.main import COMMANDS, cli, load_command, main

RunCli = Callable[..., CompletedProcess[str]]


RECORD = """
import pathlib, runpy, sys
try:
    runpy.run_module("vnasdsl", run_name="__main__", alter_sys=False)
finally:
    pathlib.Path("modules.txt").write_text("\\n".join(sys.modules))
"""


def modules_imported(*args: str | Path, cwd: Path) -> set[str]:
    """Names of all modules that are loaded when a command ends; the command must succeed."""
    result = run(
        [sys.executable, "-c", RECORD, *map(str, args)],
        cwd=cwd,
        env=cli_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return set((cwd / "modules.txt").read_text().splitlines())


def test_help_lists_commands_without_importing_them(tmp_path: Path) -> None:
    imported = modules_imported("--help", cwd=tmp_path)
    assert not imported & {module for module, _ in COMMANDS.values()}
    assert not imported & {"torch", "lark", "networkx", "jinja2", "pydantic", "numpy", "av"}
    text = CliRunner().invoke(cli, ["--help"]).output
    for name, (_, short) in COMMANDS.items():
        assert name in text
        assert short in text
    assert "Examples:" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name: str) -> None:
    command = load_command(name)
    assert isinstance(command, click.Command)
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"vnasdsl {name}" in result.output
    # Whoever installed the wheel has no `spaces/` yet.
    assert ("spaces/" in result.output) == ("vnasdsl new" in result.output)


def test_version(run_process: RunCli) -> None:
    result = run_process("--version")
    assert (result.returncode, result.stdout) == (0, f"vnasdsl, version {__version__}\n")


def test_wrong_usage_exits_with_2(run_process: RunCli) -> None:
    result = run_process("serach")
    assert result.returncode == 2
    assert "No such command 'serach'. Did you mean 'search'?" in result.stderr
    assert result.stdout == ""


def test_a_stream_that_cannot_show_a_character(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "argv", ["vnasdsl", "--version"])
    with pytest.raises(SystemExit):
        main()
    stream.write("größer \udcff")
    stream.flush()
    assert b"gr\\xf6\\xdfer \\udcff" in stream.buffer.getvalue()  # type: ignore[attr-defined]
