"""One process for each device, as torchrun starts them; all end when one fails."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, NoReturn

import torch

from vnasdsl.data.loader import end_with_parent
from vnasdsl.interrupts import ENDING, held_back, let_through
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train import ranks
from vnasdsl.train.recipes import Recipe, TrialRecipe

_ANOTHER_FAILED = 75
"""The status of a rank that ends because another one did, which has said why."""
_GRACE = 5.0
"""Seconds that ranks may take to end by themselves when one has failed, and then when they are told to."""


def require_shared_steps(recipe: Recipe, devices: int) -> None:
    """Raises: UserError for several devices where networks are trained one by one."""
    if isinstance(recipe, TrialRecipe) and max(devices, int(os.environ.get("WORLD_SIZE", 1))) > 1:
        raise UserError(
            f"`{recipe.strategy}` trains every network on one device: --devices does not apply",
            "train several networks at a time with --workers",
        )


@contextmanager
def rank_on(device: torch.device) -> Iterator[None]:
    """Inside, this process is one of those that the environment names. An error is said by the rank that meets it
    first; the others end in silence."""
    if ranks.launched() == 1:
        yield
        return
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    group = None
    try:
        with ranks.joined(device) as group:
            yield
    except ranks.RankDone:
        raise SystemExit(0) from None
    except ranks.RankLost:
        raise SystemExit(_ANOTHER_FAILED) from None
    except Exception:
        if group is not None and not group.fails_first():
            raise SystemExit(_ANOTHER_FAILED) from None
        raise


def run_ranks(
    devices: int, work: Callable[..., Any], arguments: tuple[Any, ...], told: Callable[[Any], object] | None = None
) -> None:
    """Call `work(*arguments)` in a new process for each device, as the rank that its environment names.

    told: is called with what `work` sends; `work` then takes a `Connection` before its arguments.
    Raises: UserError, or SystemExit with the status of the rank that failed.
    """
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # on a port that is free
    threads = os.environ.get("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // devices)))
    environment = {
        "WORLD_SIZE": str(devices),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # the store exists: rank 0 does not open one
        "OMP_NUM_THREADS": threads,
    }
    context = multiprocessing.get_context("spawn")
    pipes = [] if told is None else [context.Pipe(duplex=False) for _ in range(devices)]
    processes = [
        context.Process(
            target=_rank, args=(rank, environment, work, arguments if told is None else (pipes[rank][1], *arguments))
        )
        for rank in range(devices)
    ]
    try:
        with held_back():  # until the processes can die of Ctrl-C in silence
            for process in processes:
                process.start()
        for _, writer in pipes:
            writer.close()
        _watch(processes, [reader for reader, _ in pipes], told)
    finally:
        _end(processes)


def _rank(rank: int, environment: dict[str, str], work: Callable[..., Any], arguments: tuple[Any, ...]) -> NoReturn:
    """The process of one rank."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    let_through()
    Thread(target=end_with_parent, daemon=True).start()
    os.environ.update(environment, RANK=str(rank), LOCAL_RANK=str(rank))
    status = 1
    try:
        work(*arguments)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # nothing at exit may wait for ranks that are gone


def _watch(processes: Sequence[BaseProcess], readers: list[Connection], told: Callable[[Any], object] | None) -> None:
    """Until all have ended well. Raises: UserError, SystemExit when one has not."""
    running = list(processes)
    failed = False
    while running or readers:
        ready = wait([*(process.sentinel for process in running), *readers], _GRACE if failed or not running else None)
        if not ready:
            break
        for reader in [each for each in readers if each in ready]:
            try:
                message = reader.recv()
            except EOFError:
                readers.remove(reader)
            else:
                assert told is not None
                told(message)
        running = [process for process in running if process.is_alive()]
        failed = any(process.exitcode for process in processes)
    if not failed:
        return
    statuses = [process.exitcode or 0 for process in processes]
    spoken = [status for status in statuses if status > 0 and status != _ANOTHER_FAILED]
    if spoken:
        raise SystemExit(spoken[0])
    killed = [(rank, -status) for rank, status in enumerate(statuses) if status < 0]
    how = "; ".join(f"that of device {rank} was ended by {signal.Signals(number).name}" for rank, number in killed)
    raise UserError(
        f"a process of this run has died: {how or 'it did not say why'}",
        "if memory ran out, use a smaller batch or fewer devices; --resume continues after the last finished epoch",
    )


def _end(processes: Sequence[BaseProcess]) -> None:
    started = [process for process in processes if process.pid is not None]
    running = [process for process in started if process.is_alive()]
    for process in running:
        process.terminate()
    for process in running:
        process.join(_GRACE)
        process.kill()
        process.join()
    if running and sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # the progress bar of rank 0 had hidden the cursor
