"""The worker process. Nothing here imports torch before its threads are bounded."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import resource
import signal
import traceback
from multiprocessing.connection import Connection, wait
from pathlib import Path, PurePath
from threading import Thread
from typing import Any, Literal

from vnasdsl import __version__
from vnasdsl.interrupts import let_through
from vnasdsl.train.shortages import explained

Message = tuple[Literal["ready", "unfit", "done", "failed"], Any]
"""What a worker says: ready to work, unable to (message and help of a UserError), and the outcome of a call."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_HEADROOM = 64 * 2**20  # what a worker needs at least beyond what it allocates when it starts
_LINES = 5


def pack(value: Any) -> bytes:
    """A message as bytes. Plain pickle: torch's own would share memory that ends with the process."""
    return pickle.dumps(value)


def unpack(message: bytes) -> Any:
    return pickle.loads(message)  # noqa: S301 between this process and those it started


def settle(threads: int, memory: int | None) -> Message:
    """Make this process a worker: torch imported, its threads and its memory bounded.

    The bound is RLIMIT_DATA: what is allocated, not what is only reserved (torch reserves much). An allocation beyond
    it fails as an error of the trial. Processes that the worker starts have the same bound each.
    """
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(threads)
    import torch

    torch.set_num_threads(threads)
    if memory is None:
        return "ready", __version__
    least = _data_bytes() + _HEADROOM
    if memory < least:
        message = f"{memory / 2**20:.0f} MiB of memory is too little for a worker"
        return "unfit", (message, f"give it at least {-(-least // 2**20)} MiB: it needs that before it trains anything")
    resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    return "ready", __version__


def _data_bytes() -> int:
    """What RLIMIT_DATA counts of this process; 0 where the system does not say (then memory is not bounded either)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:")), 0)


def answer(message: bytes) -> bytes:
    """Make the call in a message: ("done", value) or ("failed", text)."""
    try:
        function, payload = unpack(message)
        return pack(("done", function(payload)))
    except (Exception, SystemExit) as problem:
        return pack(("failed", last_lines(problem)))


def serve(pipe: Connection, threads: int, memory: int | None) -> None:
    """Answer calls from the pipe until it is closed. The process leads a group of its own: Ctrl-C in the terminal does
    not reach it, and whatever it starts can be ended with it."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    let_through()
    Thread(target=_end_with_parent, daemon=True).start()
    ready = settle(threads, memory)
    pipe.send_bytes(pack(ready))
    while ready[0] == "ready":
        try:
            message = pipe.recv_bytes()
        except EOFError:
            return
        pipe.send_bytes(answer(message))


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
