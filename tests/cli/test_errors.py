"""How faults end: what is printed, and the exit status."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import click
import pytest
import torch

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
    for file in ("out/a.py", "out/torch_runs/a.py"):
        fault = PermissionError(errno.EACCES, "Permission denied", file)
        assert outcome(fault, capsys) == (1, f"error: `{file}`: permission denied\n")


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "a file cannot be written: the disk is full"),
        (OSError(errno.EDQUOT, "Quota", "run/a.json"), "`run/a.json` cannot be written: the disk is full"),
        (MemoryError(), "memory ran out"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory ran out: [Errno 12] Cannot allocate memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB. GPU 0"), "memory ran out: CUDA out of"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "memory ran out: "),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "),
            "a process that decodes videos is killed by signal: Killed",
        ),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's"),
            "shared memory (/dev/shm) ran out",
        ),
        (
            RuntimeError("DataLoader worker (pid(s) 7, 12) exited unexpectedly"),
            "a process that decodes videos exited unexpectedly\n",
        ),
        (
            RuntimeError("unable to write to file </torch_7_1_0>: No space left on device (28)"),
            "shared memory (/dev/shm) ran out",
        ),
        (ValueError("Out of range float values are not JSON compliant: nan"), "a result is not a number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_machine_runs_out_of_is_no_bug(
    fault: Exception, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    follow_up = EOFError("the other end is gone")  # an error that follows from it
    follow_up.__context__ = fault
    for raised in (fault, follow_up):
        status, said = outcome(raised, capsys)
        assert status == 1 and said.startswith(f"error: {text}") and "\n  = help: " in said


@pytest.mark.usefixtures("heeded_signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_it_as_ctrl_c_does(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    for follow_up in (False, True):
        with pytest.raises(SystemExit) as stopped, reporting():
            try:
                os.kill(os.getpid(), number)
            except KeyboardInterrupt:
                if follow_up:
                    raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated.") from None
                raise
        assert stopped.value.code == 128 + number
        assert capsys.readouterr().err == "interrupted\n"
        assert signal.getsignal(number) == signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with reporting():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


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
