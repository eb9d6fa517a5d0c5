"""What goes on inside a worker process. Nothing here imports torch before its threads are bounded."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import resource
import signal
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Thread
from typing import Any, Literal

from vnasdsl.language.diagnostics import UserError
from vnasdsl.search.pool.executor import Function
from vnasdsl.search.pool.faults import last_lines

Word = Literal["ready", "unfit", "begun", "done", "failed"]
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_HEADROOM = 64 * 2**20  # the least that a worker needs beyond what it takes up when it has started


def settle(threads: int, memory: int | None) -> None:
    """Make this process a worker: torch imported, its threads and the memory of the process bounded.

    The bound is RLIMIT_DATA: private writable memory, so what is allocated, without libraries, files and what is
    only reserved (which RLIMIT_AS counts, and torch reserves much). An allocation beyond it fails as an error of the
    trial. Processes that the worker starts have the same bound each. Raises: UserError when it is too little.
    """
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(threads)
    import torch

    torch.set_num_threads(threads)
    if memory is None:
        return
    least = data_bytes() + _HEADROOM
    if memory < least:
        raise UserError(
            f"{memory / 2**20:.0f} MiB of memory is too little for a worker",
            f"give it {-(-least // 2**20)} MiB or more: that is what it needs before it trains anything",
        )
    resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def data_bytes() -> int:
    """What RLIMIT_DATA counts of this process; 0 where the system does not tell (then memory is not bounded either)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:")), 0)


def answer(message: bytes) -> bytes:
    """Make the call that `request` packed; `result` unpacks what this gives: ("done", value) or ("failed", text)."""
    try:
        function, payload = pickle.loads(message)  # noqa: S301 from the pool that started this process
        return packed("done", function(payload))
    except (Exception, SystemExit) as problem:
        return packed("failed", last_lines(problem))


def request(function: Function, payload: Any) -> bytes:
    """A call, to be sent to a worker."""
    return pickle.dumps((function, payload))


def packed(word: Word, value: Any) -> bytes:
    """What a worker says. Values travel whole, not as torch's handles to shared memory: those end with the process."""
    return pickle.dumps((word, value))


def result(message: bytes) -> tuple[Word, Any]:
    """What a worker said."""
    return pickle.loads(message)  # noqa: S301 from a process that this one started


def serve(pipe: Connection, threads: int, memory: int | None) -> None:
    """Answer calls from the pipe until it is closed. The process leads a group of its own: Ctrl-C in the terminal does
    not reach it, and whatever it starts can be ended with it."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # `launch` starts workers with it blocked
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        settle(threads, memory)
    except UserError as problem:
        pipe.send_bytes(packed("unfit", (problem.message, problem.help)))
        return
    pipe.send_bytes(packed("ready", None))
    while True:
        try:
            message = pipe.recv_bytes()
        except EOFError:
            return
        pipe.send_bytes(packed("begun", None))
        pipe.send_bytes(answer(message))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)
