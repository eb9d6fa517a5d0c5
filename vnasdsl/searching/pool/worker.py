"""What a trial is in a process of its own. Nothing here imports torch before its threads are bounded."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import resource
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path, PurePath
from threading import Thread
from typing import Any, Literal, TypeAlias

from vnasdsl.interrupts import let_through
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
    except Exception as problem:
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
