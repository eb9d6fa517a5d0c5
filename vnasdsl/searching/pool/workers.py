"""Trials in processes of this machine, and what such a process does. `cluster.py` has those of Ray.

Nothing here imports torch before its threads are bounded.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import pickle
import resource
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path, PurePath
from threading import Thread
from typing import Any, Literal, TypeAlias

from vnasdsl.interrupts import held_back, let_through
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.shortages import explained

Function: TypeAlias = Callable[[Any], Any]
"""A function at the top level of a module that every worker can import; it takes and returns plain data."""
Message: TypeAlias = tuple[Literal["unfit", "done", "failed"], Any]
"""What a worker says: the outcome of a call, or why it can make none (message and help of a UserError)."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_HEADROOM = 64 * 2**20  # what a worker needs at least beyond what it allocates when it starts
_LINES = 5


def packed(function: Function, payload: Any) -> bytes:
    """A call as bytes. Plain pickle: torch's own would share memory that ends with the process."""
    return pickle.dumps((function, payload))


def unpacked(message: bytes) -> Message:
    """What a worker has said."""
    found: Message = pickle.loads(message)  # noqa: S301 between this process and those it started
    return found


def answer(call: bytes, threads: int, memory: int | None, seconds: float | None = None) -> bytes:
    """Make a call with at most so many threads of torch and bytes of memory.

    The bound is RLIMIT_DATA: what is allocated, not what is only reserved (torch reserves much). An allocation beyond
    it fails as an error of the trial. Processes that the worker starts have the same bound each.
    seconds: the system ends the process when the call takes longer, whatever it is doing.
    """
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(threads)
    try:
        import torch

        torch.set_num_threads(threads)
    except ImportError as problem:
        return pickle.dumps(("unfit", (f"workers cannot use torch: {last_lines(problem)}", None)))
    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    if memory is not None and memory != before:
        least = _data_bytes() + _HEADROOM
        if memory < least:
            message = f"{memory / 2**20:.0f} MiB of memory is too little for a worker"
            help = f"give it at least {-(-least // 2**20)} MiB: it needs that before it trains anything"
            return pickle.dumps(("unfit", (message, help)))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, most))
    signal.setitimer(signal.ITIMER_REAL, seconds or 0.0)
    try:
        function, payload = pickle.loads(call)  # noqa: S301
        return pickle.dumps(("done", function(payload)))
    except (Exception, SystemExit) as problem:
        return pickle.dumps(("failed", last_lines(problem)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _data_bytes() -> int:
    """What RLIMIT_DATA counts of this process; 0 where the system does not say (then memory is not bounded either)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:")), 0)


def serve(pipe: Connection, threads: int, memory: int | None, seconds: float | None) -> None:
    """Answer calls from the pipe until it is closed. The process leads a group of its own: Ctrl-C in the terminal does
    not reach it, and whatever it starts can be ended with it."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_through()
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError):
        while True:
            pipe.send_bytes(answer(pipe.recv_bytes(), threads, memory, seconds))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)


def last_lines(problem: BaseException) -> str:
    """The last lines of a traceback: the error, and the function and line that raised it. For what the machine ran out
    of, what to do about it instead."""
    shortage = explained(problem)
    if shortage is not None:
        return str(shortage)
    text = "".join(traceback.format_exception_only(problem)).rstrip().splitlines()[-_LINES:]
    frames = traceback.extract_tb(problem.__traceback__)
    if frames:
        text.append(f"in {frames[-1].name}, {PurePath(frames[-1].filename).name} line {frames[-1].lineno}")
    return "\n".join(text)


@dataclass(frozen=True)
class Ended:
    """How a call ended: with a value, or with an error of a few lines (the function raised, or its worker is gone)."""

    ticket: int
    value: Any = None
    error: str | None = None


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
