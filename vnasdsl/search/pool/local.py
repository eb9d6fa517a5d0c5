"""Workers as processes of this machine. They are spawned (torch does not survive a fork) and live on between trials."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

from vnasdsl.search.pool.worker import Message, serve, unpack
from vnasdsl.search.pool.workers import Worker, WorkerGone, Workers


class LocalWorker(Worker):
    def __init__(self, threads: int, memory: int | None):
        super().__init__()
        context = multiprocessing.get_context("spawn")
        self.pipe, self._theirs = context.Pipe()
        # Not a daemon: those may not have children, and a trial may decode videos in processes of its own.
        self.process = context.Process(target=serve, args=(self._theirs, threads, memory), name="vnasdsl trial")

    def start(self) -> None:
        """Ctrl-C is blocked meanwhile: there is no moment in which it could end a worker half started."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            self._theirs.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

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
