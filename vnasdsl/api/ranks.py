"""Searches and trainings on several devices from Python: each rank is a process, and the first tells what it does."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from traceback import format_exception
from typing import Any, TypeAlias

import torch
from rich.console import Console

from vnasdsl.api.progress import Teller
from vnasdsl.elaborate import Space, load_source
from vnasdsl.language.diagnostics import Error, UserError
from vnasdsl.language.source import Source
from vnasdsl.train import ranks
from vnasdsl.train.devices import pick_device
from vnasdsl.train.launch import rank_on, run_ranks
from vnasdsl.train.progress import Reporter
from vnasdsl.train.shortages import explained

_TEXT_EVERY = 0.25
"""Seconds between two texts of steps, for which the device may have to be waited for."""
Work: TypeAlias = Callable[[torch.device, Reporter], object]


@dataclass(frozen=True)
class Whole:
    """A space or network before anything is fixed, which goes to another process as its text."""

    space: Space

    def __reduce__(self) -> tuple[Any, ...]:
        return _read, (self.space.text(), self.space.name)


def _read(text: str, name: str) -> Whole:
    return Whole(load_source(Source("<text>", text), None).get(name))


def on_devices(work: Work, device: str, devices: int, reporter: Reporter) -> None:
    """Do some work on a device, or on several as the ranks of one training. work: of several devices, picklable.

    Raises: what the work raises.
    """
    place = pick_device(device, devices)
    if ranks.launched() > 1:
        _join(work, place, reporter)
        return
    if devices == 1:
        work(place, reporter)
        return
    faults: list[BaseException] = []

    def told(message: tuple[str, Any]) -> None:
        name, arguments = message
        if name == "fault":
            faults.append(arguments)
        elif name == "step":
            reporter.step(lambda: arguments[0])
        else:
            getattr(reporter, name)(*arguments)

    try:
        run_ranks(devices, _rank, (work, device, devices), told)
    except SystemExit as end:
        raise faults[0] if faults else UserError(f"a process of this run ended with status {end.code}") from None


def _join(work: Work, place: torch.device, reporter: Reporter) -> None:
    """As one of the processes that torchrun has started: the first tells, and all go on when it is done."""
    try:
        with ranks.joined(place) as group:
            with suppress(ranks.RankDone):
                work(place, reporter)
            group.wait_for_first()
    except ranks.RankLost:
        raise UserError("another process of this training has failed", "see what it says") from None


def _rank(connection: Connection, work: Work, device: str, devices: int) -> None:
    first = os.environ["RANK"] == "0"
    reporter = _Piped(connection) if first else Reporter(quiet=True, console=Console(quiet=True))
    try:
        with rank_on(pick_device(device, devices)):
            work(pick_device(device, devices), reporter)
    except Exception as fault:
        fault = explained(fault) or fault
        if not isinstance(fault, Error | OSError):
            fault = RuntimeError("".join(format_exception(fault)))
        connection.send(("fault", fault))
        raise SystemExit(1) from None


class _Piped(Teller):
    """Tells the process that started this one, which has the loggers."""

    def __init__(self, connection: Connection):
        super().__init__(self._send)
        self._connection = connection
        self._text, self._written = "", 0.0

    def _send(self, name: str, *arguments: Any) -> None:
        if name == "step":
            if self.clock() - self._written > _TEXT_EVERY:
                self._text, self._written = arguments[0](), self.clock()
            arguments = (self._text,)
        self._connection.send((name, arguments))
