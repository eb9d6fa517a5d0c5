"""One training on several devices: this process is the first rank, and starts another for each further device."""

from __future__ import annotations

import multiprocessing
import os
import signal
from _thread import interrupt_main
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from threading import Event, Thread
from traceback import format_exception
from typing import Any, NoReturn, TypeAlias, TypeVar

import torch
from rich.console import Console

from vnasdsl.data.loader import end_with_parent
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.elaborate.project_layers import LayerFile, catalogue_of
from vnasdsl.interrupts import held_back, let_through
from vnasdsl.language.diagnostics import Error, UserError
from vnasdsl.language.source import Source
from vnasdsl.train import ranks
from vnasdsl.train.devices import pick_device, torch_threads
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import Recipe, TrialRecipe
from vnasdsl.train.shortages import explained

T = TypeVar("T")
Work: TypeAlias = Callable[[torch.device, Reporter], T]
"""What a rank does; of several devices it must be picklable."""
_joins = count(1)
"""A script that torchrun has started may train several times."""
_GRACE = 5.0
"""Seconds that ranks may take to end by themselves when one has failed, and then when they are told to."""


def require_shared_steps(recipe: Recipe, devices: int) -> None:
    """Raises: UserError for several devices where networks are trained one by one."""
    if isinstance(recipe, TrialRecipe) and max(devices, int(os.environ.get("WORLD_SIZE", 1))) > 1:
        raise UserError(
            f"`{recipe.strategy}` trains every network on one device: --devices does not apply",
            "train several networks at a time with --workers",
        )


def on_devices(work: Work[T], device: str, devices: int, reporter: Reporter) -> T | None:
    """Do some work on a device, or on several as the ranks of one training; what the first rank gives.

    Raises: what the work raises on any rank.
    """
    place = pick_device(device, devices)
    if ranks.launched() > 1:
        return _by_torchrun(work, place, reporter)
    if devices == 1:
        return work(place, reporter)
    threads = int(os.environ.get("OMP_NUM_THREADS", max(1, (os.cpu_count() or 1) // devices)))
    with _other_ranks(work, device, devices, threads) as others, torch_threads(threads):
        place = pick_device(device, devices)
        try:
            with ranks.joined(place):
                found = work(place, reporter)
        except (ranks.RankLost, KeyboardInterrupt) as lost:
            if isinstance(lost, KeyboardInterrupt) and not others.interrupted:
                raise
            raise others.fault() from None
        for process in others.processes:
            process.join(_GRACE)
        return found


def _by_torchrun(work: Work[T], place: torch.device, reporter: Reporter) -> T | None:
    """As one of the processes that torchrun has started: all go on when the first is done."""
    found = None
    try:
        with ranks.joined(place, next(_joins)) as group:
            with suppress(ranks.RankDone):
                found = work(place, reporter)
            group.wait_for_first()
    except ranks.RankLost:
        raise UserError("another process of this training has failed", "see what it says") from None
    return found if group.is_first else None


class _Others:
    """The ranks that this process has started, and where they say why they fail."""

    def __init__(self, processes: Sequence[BaseProcess], readers: Sequence[Connection]):
        self.processes, self.readers = processes, readers
        self.interrupted = False
        self.over = Event()

    def watch(self) -> None:
        """For a thread: where the first rank does not notice that another has failed, as NCCL may not, interrupt it."""
        running = list(self.processes)
        while running and not self.over.is_set():
            wait([process.sentinel for process in running], 1.0)
            running = [process for process in running if process.is_alive()]
            if any(process.exitcode for process in self.processes):
                if not self.over.wait(_GRACE):
                    self.interrupted = True
                    ranks.abort()
                    interrupt_main()
                return

    def fault(self) -> BaseException:
        """Why one of them has failed."""
        ended = wait([process.sentinel for process in self.processes], _GRACE)
        for process in self.processes:
            process.join(_GRACE if ended else 0)
        for reader in self.readers:
            with suppress(EOFError, OSError):
                if reader.poll():
                    fault: BaseException = reader.recv()
                    return fault
        statuses = ((rank, process.exitcode or 0) for rank, process in enumerate(self.processes, 1))
        killed = [(rank, -status) for rank, status in statuses if status < 0]
        how = "; ".join(f"that of device {rank} was ended by {signal.Signals(number).name}" for rank, number in killed)
        return UserError(
            f"a process of this run has died: {how or 'it did not say why'}",
            "if memory ran out, use a smaller batch or fewer devices; --resume continues after the last finished epoch",
        )

    def end(self) -> None:
        self.over.set()
        running = [process for process in self.processes if process.pid is not None and process.is_alive()]
        for process in running:
            process.terminate()
        for process in running:
            process.join(_GRACE)
            process.kill()
            process.join()


@contextmanager
def _other_ranks(work: Work[Any], device: str, devices: int, threads: int) -> Iterator[_Others]:
    """Inside, the others run, and the environment says that this is the first."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # on a port that is free
    environment = {
        "WORLD_SIZE": str(devices),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # the store exists: rank 0 does not open one
    }
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(1, devices)]
    processes = [
        context.Process(target=_rank, args=(rank, environment, writer, work, device, devices, threads))
        for rank, (_, writer) in enumerate(pipes, 1)
    ]
    others, before = _Others(processes, [reader for reader, _ in pipes]), dict(os.environ)
    try:
        with held_back():  # until the processes can die of Ctrl-C in silence
            for process in processes:
                process.start()
        for _, writer in pipes:
            writer.close()
        os.environ.update(environment, RANK="0", LOCAL_RANK="0")
        Thread(target=others.watch, daemon=True).start()
        yield others
    finally:
        others.end()
        for name in (*environment, "RANK", "LOCAL_RANK"):
            os.environ.pop(name, None)
        os.environ.update(before)


def _rank(
    rank: int,
    environment: dict[str, str],
    writer: Connection,
    work: Work[Any],
    device: str,
    devices: int,
    threads: int,
) -> NoReturn:
    """The process of another rank than the first, which says nothing but why it fails."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    let_through()
    Thread(target=end_with_parent, daemon=True).start()
    os.environ.update(environment, RANK=str(rank), LOCAL_RANK=str(rank))
    status = 1
    try:
        place = pick_device(device, devices)
        with suppress(ranks.RankDone), torch_threads(threads), ranks.joined(place):
            work(place, Reporter(quiet=True, console=Console(quiet=True)))
        status = 0
    except ranks.RankLost:
        pass
    except Exception as problem:
        fault = explained(problem) or problem
        writer.send(fault if isinstance(fault, Error | OSError) else RuntimeError("".join(format_exception(problem))))
    finally:
        os._exit(status)  # nothing at exit may wait for ranks that are gone


def _as_text(space: Space) -> tuple[Any, ...]:
    return _read, (space.text(), space.name, space.definitions.catalogue.files)


def _read(text: str, name: str, layers: tuple[LayerFile, ...]) -> Space:
    return load_source(Source("<text>", text), None, catalogue=catalogue_of(layers)).get(name)


ForkingPickler.register(Space, _as_text)  # spaces and networks go to other processes as text
