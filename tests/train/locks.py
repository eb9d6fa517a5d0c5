"""Another process that writes into a run folder."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from vnasdsl.train.run_lock import writing


def _hold(folder: Path, ready: Connection) -> None:
    with writing(folder, lambda _text: None):
        child = os.fork()  # as a data worker is; it outlives its parent here
        if child == 0:
            ready.recv_bytes()  # forever
        ready.send(child)
        ready.recv_bytes()


@contextmanager
def in_use(folder: Path) -> Iterator[BaseProcess]:
    """Inside, a process writes into the folder, unless it is killed; a process that it has forked lives on."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_hold, args=(folder, theirs), daemon=True)
    process.start()
    child = ours.recv()
    try:
        yield process
    finally:
        os.kill(child, signal.SIGKILL)
        process.kill()
        process.join()
