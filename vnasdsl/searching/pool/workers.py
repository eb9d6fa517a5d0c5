"""Trials in processes of this machine. `cluster.py` has those of Ray."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

from vnasdsl.interrupts import held_back
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.pool.pool import Ended
from vnasdsl.searching.pool.worker import Function, last_lines, packed, serve, unpacked


class Worker:
    """A process, spawned (torch does not survive a fork), that answers one call at a time."""

    def __init__(self, limits: tuple[Any, ...]):
        context = multiprocessing.get_context("spawn")
        self.pipe, self._theirs = context.Pipe()
        # Not a daemon: those may not have children, and a trial may decode videos in processes of its own.
        self.process = context.Process(target=serve, args=(self._theirs, *limits), name="vnasdsl trial")

    def start(self) -> None:
        """Ctrl-C waits meanwhile: there is no moment in which it could end a worker half started."""
        with held_back():
            try:
                self.process.start()
            finally:
                self._theirs.close()

    def end(self) -> str:
        """End the process, and all that it started, at once; how it ended, which may have been before."""
        if self.process.pid is not None:  # else it was never started
            with suppress(ProcessLookupError, PermissionError):
                # There is no such group before the process has made it; then it has started nothing.
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()
            self.process.join()
        self.pipe.close()
        status = self.process.exitcode or 0
        if status >= 0:
            return f"ended with status {status}"
        known = [each.name for each in signal.Signals if each == -status]
        name = known[0] if known else f"signal {-status}"
        return f"was ended by {name}" + (": perhaps memory ran out" if name == "SIGKILL" else "")


class Local:
    """An `Executor`. A worker lives on between calls, unless one failed: then nobody knows what state it is in."""

    def __init__(self, count: int, threads: int, memory: int | None, timeout: float | None):
        self.capacity = count
        self._limits = threads, memory, timeout
        self._idle: list[Worker] = []
        self._running: dict[int, Worker] = {}
        self._ended: list[Ended] = []
        atexit.register(self.close)  # before multiprocessing waits for its children, which would be forever

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        try:
            call = packed(function, payload)
        except Exception as problem:
            self._ended.append(Ended(ticket, error=f"the trial cannot be sent: {last_lines(problem)}"))
            return
        while self._idle:
            self._running[ticket] = self._idle.pop()
            try:
                self._running[ticket].pipe.send_bytes(call)
            except OSError:  # it ended while idle: that costs no attempt
                self._running[ticket].end()
            else:
                return
        self._running[ticket] = worker = Worker(self._limits)  # before it starts: an interruption leaves none unended
        worker.start()
        with suppress(OSError):  # `wait` tells
            worker.pipe.send_bytes(call)

    def wait(self) -> list[Ended]:
        while not self._ended:
            sources: dict[Any, int] = {}
            for ticket, worker in self._running.items():  # a pipe may be held by what the process started
                sources |= {worker.pipe: ticket, worker.process.sentinel: ticket}
            for ticket in dict.fromkeys(sources[source] for source in wait(list(sources))):
                self._ended.append(self._take(ticket))
        ended, self._ended = self._ended, []
        return ended

    def _take(self, ticket: int) -> Ended:
        worker = self._running[ticket]
        word: str
        value: Any
        try:
            word, value = unpacked(worker.pipe.recv_bytes()) if worker.pipe.poll() else ("gone", None)
        except (EOFError, OSError):
            word, value = "gone", None
        if word == "done":
            self._idle.append(self._running.pop(ticket))
            return Ended(ticket, value)
        how = worker.end()
        del self._running[ticket]
        if word == "unfit":
            raise UserError(*value)
        if word == "gone" and "SIGALRM" in how:
            value = f"there was no result within {self._limits[2]:g} s"
        return Ended(ticket, error=value or f"its worker {how}")

    def close(self) -> None:
        for worker in (*self._idle, *self._running.values()):
            worker.end()
        self._idle.clear()
        self._running.clear()
        atexit.unregister(self.close)
