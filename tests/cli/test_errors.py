"""How faults end: what is printed, and the exit status."""

from __future__ import annotations

import errno
import subprocess
import sys

import click
import pytest

from tests.support import cli_environment
from vnasdsl.cli.errors import TRACEBACK_VARIABLE, reporting
from vnasdsl.language.diagnostics import UserError, error
from vnasdsl.language.source import Source, Span


@pytest.fixture(autouse=True)
def no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRACEBACK_VARIABLE, raising=False)


def outcome(fault: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped, reporting():
        raise fault
    captured = capsys.readouterr()
    assert captured.out == ""
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, captured.err


def test_a_fault_in_a_text(capsys: pytest.CaptureFixture[str]) -> None:
    source = Source("a.vns", "space s {\n  stage s1 { baisc(1) }\n}\n")
    start = source.text.index("baisc")
    status, text = outcome(error("E0201", "unknown layer `baisc`", Span(source, start, start + 5)), capsys)
    assert status == 1
    assert "a.vns:2:14" in text
    assert "E0201" in text
    assert "unknown layer `baisc`" in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_a_fault_without_a_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(UserError("`x` is empty", "look there"), capsys) == (
        1,
        "error: `x` is empty\n  = help: look there\n",
    )
    assert outcome(UserError("`x` is empty"), capsys) == (1, "error: `x` is empty\n")


def test_a_file_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    fault = PermissionError(errno.EACCES, "Permission denied", "out/a.py")
    assert outcome(fault, capsys) == (1, "error: `out/a.py`: permission denied\n")
    assert outcome(OSError(errno.ENOSPC, "No space left on device"), capsys) == (1, "error: no space left on device\n")


def test_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(KeyboardInterrupt(), capsys) == (130, "interrupted\n")


def test_a_bug_is_one_line_and_says_how_to_see_more(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = outcome(KeyError("two\nlines"), capsys)
    assert status == 70
    assert text.startswith("error: this is a bug in vnasdsl: KeyError: ")
    assert f"{TRACEBACK_VARIABLE}=1" in text
    assert text.count("\n") == 1


def test_the_traceback_on_demand(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACEBACK_VARIABLE, "1")
    status, text = outcome(ZeroDivisionError("x"), capsys)
    assert status == 70
    assert text.startswith("Traceback")
    assert TRACEBACK_VARIABLE not in text.splitlines()[-1]


@pytest.mark.parametrize("fault", [click.UsageError("no"), click.exceptions.Exit(3), click.Abort()])
def test_clicks_own_exceptions_pass(fault: BaseException) -> None:
    with pytest.raises(type(fault)), reporting():
        raise fault


def test_nothing_happens_without_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting():
        click.echo("fine")
    assert capsys.readouterr() == ("fine\n", "")


def test_a_reader_that_goes_away() -> None:
    script = (
        "from vnasdsl.cli.errors import reporting\n"
        "import sys\n"
        "sys.stdin.readline()\n"
        "with reporting():\n"
        "    for _ in range(100_000): print('a line of some length')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=cli_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    process.stdin.write(b"go\n")
    process.stdin.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 141
    process.stderr.close()
