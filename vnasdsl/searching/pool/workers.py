"""Workers: processes that answer one call at a time, and those of this machine. `cluster.py` has those of Ray."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

from vnasdsl.interrupts import held_back
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.pool.pool import Ended, Function
from vnasdsl.searching.pool.worker import Message, last_lines, pack, serve, unpack

MAX_FALSE_STARTS = 3
"""When this many workers in a row end before they are ready, none will start."""
START_SECONDS = 300.0
"""How long a worker may take until it is ready."""


class WorkerGone(Exception):
    """The worker has ended."""


class Worker(ABC):
    """A process; `message` waits until it is ready."""

    def __init__(self) -> None:
        self.ready = False
        self.ticket: int | None = None
        self.message: bytes | None = None
        self.deadline = time.monotonic() + START_SECONDS

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def send(self, message: bytes) -> None:
        """Begin a call. Raises: WorkerGone."""

    @abstractmethod
    def end(self) -> str:
        """End it, and all it started, at once; how it ended, which may have been before."""


class Workers(ABC):
    """An `Executor`. A worker whose call failed is replaced: nobody knows what state it is in."""

    def __init__(self, count: int, timeout: float | None):
        """timeout: seconds that a call may take."""
        self.capacity = count
        self.workers: list[Worker] = []
        self._timeout = timeout
        self._ended: list[Ended] = []
        self._false_starts = 0
        for _ in range(count):
            self._launch()

    @abstractmethod
    def new_worker(self) -> Worker: ...

    @abstractmethod
    def receive(self, seconds: float | None) -> Iterable[tuple[Worker, Message | None]]:
        """The messages of workers, waiting up to `seconds` for one (None: forever); None from one that is gone."""

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        try:
            message = pack((function, payload))
        except Exception as problem:
            self._ended.append(Ended(ticket, error=f"the trial cannot be sent: {last_lines(problem)}"))
            return
        while True:
            idle = [worker for worker in self.workers if worker.ticket is None]
            worker = next((worker for worker in idle if worker.ready), idle[0])
            worker.ticket, worker.message = ticket, message
            try:
                if worker.ready:
                    self._send(worker)
            except WorkerGone:  # it ended while idle: that costs no attempt
                worker.ticket = None
                self._replace(worker)
            else:
                return

    def wait(self) -> list[Ended]:
        while not self._ended:
            for worker, message in self.receive(self._patience()):
                self._take(worker, message)
            now = time.monotonic()
            for worker in [worker for worker in self.workers if worker.deadline <= now]:
                limit = self._timeout if worker.ready else START_SECONDS
                self._lose(worker, f"there was no result within {limit:g} s")
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        while self.workers:
            self.workers[-1].end()
            self.workers.pop()

    def _patience(self) -> float | None:
        nearest = min(worker.deadline for worker in self.workers)
        return None if nearest == float("inf") else max(0.0, nearest - time.monotonic())

    def _take(self, worker: Worker, message: Message | None) -> None:
        if message is None:
            self._lose(worker)
            return
        word, value = message
        if word == "unfit":
            raise UserError(*value)
        if word == "ready":
            worker.ready, worker.deadline, self._false_starts = True, float("inf"), 0
            if worker.message is not None:
                with suppress(WorkerGone):  # the next `receive` tells
                    self._send(worker)
            return
        assert worker.ticket is not None
        if word == "done":
            self._ended.append(Ended(worker.ticket, value))
            worker.ticket, worker.deadline = None, float("inf")
        else:
            self._ended.append(Ended(worker.ticket, error=value))
            self._replace(worker)

    def _send(self, worker: Worker) -> None:
        assert worker.message is not None
        worker.send(worker.message)
        worker.message = None
        if self._timeout is not None:
            worker.deadline = time.monotonic() + self._timeout

    def _lose(self, worker: Worker, reason: str = "") -> None:
        how = self._replace(worker)
        if not worker.ready:
            self._false_starts += 1
            if self._false_starts == MAX_FALSE_STARTS:
                raise UserError(f"workers do not start; the last of {MAX_FALSE_STARTS} {reason or how}")
        if worker.ticket is not None:
            self._ended.append(Ended(worker.ticket, error=reason or f"its worker {how}"))

    def _replace(self, worker: Worker) -> str:
        """End a worker and start another in its place; how it ended."""
        how = worker.end()
        self.workers.remove(worker)
        self._launch()
        return how

    def _launch(self) -> None:
        worker = self.new_worker()
        self.workers.append(worker)  # before it starts: an interruption at any moment leaves none that nobody ends
        worker.start()


class LocalWorker(Worker):
    """A process of this machine, spawned (torch does not survive a fork). It lives on between trials."""

    def __init__(self, threads: int, memory: int | None):
        super().__init__()
        context = multiprocessing.get_context("spawn")
        self.pipe, self._theirs = context.Pipe()
        # Not a daemon: those may not have children, and a trial may decode videos in processes of its own.
        self.process = context.Process(target=serve, args=(self._theirs, threads, memory), name="vnasdsl trial")

    def start(self) -> None:
        """Ctrl-C waits meanwhile: there is no moment in which it could end a worker half started."""
        with held_back():
            try:
                self.process.start()
            finally:
                self._theirs.close()

    def send(self, message: bytes) -> None:
        try:
            self.pipe.send_bytes(message)
        except OSError:
            raise WorkerGone from None

    def end(self) -> str:
        if self.process.ident is not None:  # else it was never started
            with suppress(ProcessLookupError, PermissionError):
                # There is no such group before the process has made it; then it has started nothing.
                os.killpg(self.process.ident, signal.SIGKILL)
            self.process.kill()
            self.process.join()
        self.pipe.close()
        return _ending(self.process.exitcode)


def _ending(status: int | None) -> str:
    """How a process ended, in words."""
    if status is None or status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was ended by {name}" + (": perhaps memory ran out" if name == "SIGKILL" else "")


class Local(Workers):
    """As many processes as asked for, started when the pool is made."""

    def __init__(self, count: int, threads: int, memory: int | None, timeout: float | None):
        self._threads, self._memory = threads, memory
        atexit.register(self.close)  # before multiprocessing waits for its children, which would be forever
        super().__init__(count, timeout)

    def new_worker(self) -> LocalWorker:
        return LocalWorker(self._threads, self._memory)

    def receive(self, seconds: float | None) -> Iterator[tuple[Worker, Message | None]]:
        workers = [worker for worker in self.workers if isinstance(worker, LocalWorker)]
        sources: dict[Any, LocalWorker] = {worker.pipe: worker for worker in workers}
        sources |= {worker.process.sentinel: worker for worker in workers}  # its pipe may be held by what it started
        for worker in dict.fromkeys(sources[source] for source in wait(list(sources), seconds)):
            try:
                yield worker, unpack(worker.pipe.recv_bytes()) if worker.pipe.poll() else None
            except (EOFError, OSError):
                yield worker, None

    def close(self) -> None:
        super().close()
        atexit.unregister(self.close)
