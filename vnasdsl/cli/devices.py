"""Runs on several devices: `--devices N` starts a process for each, as torchrun does, and ends all when one fails.

Ctrl-C ends the ranks outright; the process that started them says how to go on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NoReturn

import click

from vnasdsl.cli.runs import command_line
from vnasdsl.interrupts import ENDING, held_back, let_through
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.recipes import Recipe, TrialRecipe

if TYPE_CHECKING:
    import torch

    from vnasdsl.train.progress import Reporter

_ANOTHER_FAILED = 75
"""The status of a rank that ends because another one did, which has said why."""
_GRACE = 5.0
"""Seconds that ranks may take to end by themselves when one has failed, and then when they are told to."""


def reporter_of(quiet: bool, logs: tuple[str, ...] = (), run: Path = Path()) -> Reporter:
    """One that prints, unless this is another rank than the first. logs, run: the loggers of `--log`, and where to."""
    from rich.console import Console

    from vnasdsl.train.loggers import loggers_of
    from vnasdsl.train.progress import Reporter

    console = Console(quiet=True) if int(os.environ.get("RANK", 0)) else None
    return Reporter(quiet, console, loggers=loggers_of(logs, run))


@contextmanager
def rank_on(device: torch.device) -> Iterator[None]:
    """Inside, this process is one of those that the environment names. An error is said by the rank that meets it
    first; the others end in silence."""
    from vnasdsl.train import ranks

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


def require_shared_steps(recipe: Recipe, devices: int) -> None:
    """Raises: UserError for several devices where networks are trained one by one."""
    if isinstance(recipe, TrialRecipe) and max(devices, int(os.environ.get("WORLD_SIZE", 1))) > 1:
        raise UserError(
            f"`{recipe.strategy}` trains every network on one device: --devices does not apply",
            "train several networks at a time with --workers",
        )


def start_ranks(devices: int, folder: Path) -> bool:
    """Run this command line on several devices, writing into `folder`; False when this process is to do the work.

    Raises: UserError, SystemExit with the status of the rank that failed.
    """
    from vnasdsl.train import ranks

    already = ranks.launched()
    if already > 1:
        if devices not in (1, already):
            raise UserError(f"--devices is {devices}, but torchrun has started {already} processes", "leave it out")
        return False
    if devices == 1:
        return False
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
    arguments = command_line()
    if not any(argument.split("=")[0] == "--out" for argument in arguments):
        arguments += ["--out", str(folder)]
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_rank, args=(rank, environment, arguments)) for rank in range(devices)]
    try:
        _start(processes)
        _watch(processes)
    finally:
        _end(processes)
    return True


def _start(processes: Sequence[BaseProcess]) -> None:
    """With Ctrl-C held back until they can die of it in silence."""
    with held_back():
        for process in processes:
            process.start()


def _rank(rank: int, environment: dict[str, str], arguments: list[str]) -> NoReturn:
    """The process of one rank."""
    from vnasdsl.cli.main import main
    from vnasdsl.data.loader import end_with_parent

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    let_through()
    Thread(target=end_with_parent, daemon=True).start()
    os.environ.update(environment, RANK=str(rank), LOCAL_RANK=str(rank))
    sys.argv = ["vnasdsl", *arguments]
    status = 1
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # nothing at exit may wait for ranks that are gone


def _watch(processes: Sequence[BaseProcess]) -> None:
    """Until all have ended well. Raises: UserError, SystemExit when one has not."""
    running = list(processes)
    failed = False
    while running and wait([process.sentinel for process in running], _GRACE if failed else None):
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
        click.echo("\x1b[?25h", nl=False, err=True)  # the progress bar of rank 0 had hidden the cursor
