"""Workers as processes of this machine. They are spawned (torch does not stand a fork) and stay warm between trials."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

from vnasdsl.language.diagnostics import UserError
from vnasdsl.search.pool.executor import Begun, Done, Event, Failed, Function
from vnasdsl.search.pool.faults import last_lines
from vnasdsl.search.pool.worker import request, result, serve

_STARTS = 3  # workers in a row that end before they are ready: then none will start


class Worker:
    """A process that answers one call at a time."""

    def __init__(self, threads: int, memory: int | None):
        context = multiprocessing.get_context("spawn")
        self.pipe, self._theirs = context.Pipe()
        # Not a daemon: those may not have children, and a trial may decode videos in processes of its own.
        self.process = context.Process(target=serve, args=(self._theirs, threads, memory), name="vnasdsl trial")
        self.ready = False
        self.ticket: int | None = None

    def start(self) -> None:
        """Ctrl-C waits meanwhile: there is no moment in which it could end a worker half started."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            self._theirs.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def end(self) -> str:
        """End the process and all that it started; says how it ended, which may have been before."""
        if self.process.ident is not None:  # else it was never started
            with suppress(ProcessLookupError, PermissionError):
                # There is no such group while the process has not come so far; then it has started nothing.
                os.killpg(self.process.ident, signal.SIGKILL)
            self.process.kill()
            self.process.join()
        self.pipe.close()
        return ending(self.process.exitcode)


def ending(status: int | None) -> str:
    """How a process ended, in words."""
    if status is None or status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was ended by {name}" + (": perhaps memory ran out" if name == "SIGKILL" else "")


class Local:
    """As many processes as asked for, started when the pool is made."""

    def __init__(self, count: int, threads: int, memory: int | None):
        self.capacity = count
        self._threads, self._memory = threads, memory
        self._events: list[Event] = []
        self._false_starts = 0
        self._workers: list[Worker] = []
        atexit.register(self.close)  # before multiprocessing waits for its children, which would be for ever
        for _ in range(count):
            self._launch()

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        try:
            message = request(function, payload)
        except Exception as problem:
            self._events.append(Failed(ticket, f"the trial cannot be sent: {last_lines(problem)}"))
            return
        while True:
            idle = [worker for worker in self._workers if worker.ticket is None]
            worker = next((worker for worker in idle if worker.ready), idle[0])
            try:
                worker.pipe.send_bytes(message)
            except OSError:  # it ended without a call: that costs no attempt
                self._lose(worker)
            else:
                worker.ticket = ticket
                return

    def wait(self, seconds: float | None) -> list[Event]:
        if not self._events:
            places: dict[Any, Worker] = {worker.pipe: worker for worker in self._workers}
            places |= {worker.process.sentinel: worker for worker in self._workers}
            for worker in dict.fromkeys(places[place] for place in wait(list(places), seconds)):
                self._hear(worker)
        events, self._events = self._events, []
        return events

    def abandon(self, ticket: int) -> None:
        self._replace(next(worker for worker in self._workers if worker.ticket == ticket))

    def close(self) -> None:
        while self._workers:
            self._workers[-1].end()
            self._workers.pop()
        atexit.unregister(self.close)

    def _hear(self, worker: Worker) -> None:
        """Take one message of a worker, or note that it is gone (a process it started may still hold the pipe)."""
        try:
            message = worker.pipe.recv_bytes() if worker.pipe.poll() else None
        except (EOFError, OSError):
            message = None
        if message is None:
            self._lose(worker)
            return
        word, value = result(message)
        if word == "ready":
            worker.ready, self._false_starts = True, 0
        elif word == "unfit":
            raise UserError(*value)
        elif worker.ticket is not None:
            self._report(worker, worker.ticket, word, value)

    def _report(self, worker: Worker, ticket: int, word: str, value: Any) -> None:
        if word == "begun":
            self._events.append(Begun(ticket))
        elif word == "done":
            worker.ticket = None
            self._events.append(Done(ticket, value))
        else:
            self._events.append(Failed(ticket, value))
            self._replace(worker)

    def _lose(self, worker: Worker) -> None:
        how = self._replace(worker)
        if not worker.ready:
            self._false_starts += 1
            if self._false_starts == _STARTS:
                raise UserError(f"workers do not start: each of the last {_STARTS} {how} before it was ready")
        if worker.ticket is not None:
            self._events.append(Failed(worker.ticket, f"its worker {how}"))

    def _replace(self, worker: Worker) -> str:
        """End a worker and start another in its place; says how it ended."""
        how = worker.end()
        self._workers.remove(worker)
        self._launch()
        return how

    def _launch(self) -> None:
        worker = Worker(self._threads, self._memory)
        self._workers.append(worker)  # before it starts: an interruption at any moment leaves none that nobody ends
        worker.start()
