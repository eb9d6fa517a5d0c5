"""What the tests of pools share."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import ROOT, cli_environment
from vnasdsl.searching.pool import Function, Pool, Result

_PATIENCE = 120.0  # until a test says that something hangs

_HOLDING = """
import sys
from tests.search.pool import trials
from vnasdsl.searching.pool import make_pool

if __name__ == "__main__":
    with make_pool(sys.argv[1]) as pool:
        for key in range(2):
            pool.submit(key, trials.hold, sys.argv[2])
        pool.next()
"""


def collect(pool: Pool, function: Function, payloads: Iterable[Any]) -> list[Result]:
    """The results of a call for every payload, in the order of the payloads."""
    for key, payload in enumerate(payloads):
        pool.submit(key, function, payload)
    results = []
    while pool.pending:
        results.append(pool.next())
    return sorted(results, key=lambda result: int(str(result.key)))


@contextmanager
def open_pipe(folder: Path) -> Iterator[tuple[Path, Callable[[], bytes]]]:
    """A named pipe, and how to read from it: what is written, or nothing once all that opened it have ended."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(reading, select.POLLIN)

    def read() -> bytes:
        # A pipe that nobody has opened yet is not at its end: poll waits for the first to come.
        assert poll.poll(_PATIENCE * 1000), "nothing is written and somebody still holds the pipe"
        return os.read(reading, 16)

    try:
        yield pipe, read
    finally:
        os.close(reading)


def end_and_wait(workers: str, how: str, folder: Path, environment: dict[str, str] | None = None) -> None:
    """A process with two trials that never end is sent a signal. Then nobody holds the pipe any more that both trials
    and a process started by each have opened: all have ended."""
    script = folder / "holding.py"
    script.write_text(_HOLDING)
    with open_pipe(folder) as (pipe, read):
        command = [sys.executable, str(script), workers, str(pipe)]
        process = subprocess.Popen(command, cwd=ROOT, env=cli_environment(environment), stderr=subprocess.PIPE)
        try:
            held = b""
            while len(held) < 4:
                held += read()
            process.send_signal(signal.Signals[how])
            assert read() == b""
            _, said = process.communicate(timeout=_PATIENCE)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == -signal.Signals[how], said.decode()
