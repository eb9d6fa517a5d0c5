"""Worker processes that answer one call at a time, on this machine or on a cluster: what both have in common."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from vnasdsl.language.diagnostics import UserError
from vnasdsl.search.pool.pool import Ended, Function
from vnasdsl.search.pool.worker import Message, last_lines, pack

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
