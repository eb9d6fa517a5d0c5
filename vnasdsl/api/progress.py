"""What a search, training or prediction says while it runs: to a function of the caller, to the terminal, or not."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from rich.console import Console

from vnasdsl.train.loggers import Logger
from vnasdsl.train.progress import Reporter


@dataclass(frozen=True)
class Progress:
    """What a progress function is called with. Epochs may be trials, or networks; a prediction has one epoch."""

    event: Literal["begin", "epoch", "step", "finished", "note", "end"]
    """`begin` and `end` of a phase; the beginning of an `epoch`; a `step` done; an epoch `finished`; a `note`."""
    title: str
    """The phase, such as `search` or `retrain`."""
    epoch: int
    """From 1; of `begin`, how many were done before."""
    epochs: int
    step: int
    """Steps that are done in this epoch."""
    steps: int
    text: str
    """A note, or the summary of an epoch; empty for the others."""


Callback: TypeAlias = Callable[[Progress], object]


def _told(name: str) -> Any:
    """A method of `Reporter` that tells what it is told."""

    def method(self: Teller, *arguments: Any) -> None:
        getattr(Reporter, name)(self, *arguments)
        self.tell(name, *arguments)

    return method


class Teller(Reporter):
    """Shows nothing, and tells whom it may concern: the names of its methods and their arguments."""

    def __init__(self, tell: Callable[..., object], loggers: Sequence[Logger] = ()):
        super().__init__(quiet=True, console=Console(quiet=True), loggers=loggers)
        self.tell = tell

    note, warn, record = map(_told, ("note", "warn", "record"))
    begin, epoch, step, finished, end = map(_told, ("begin", "epoch", "step", "finished", "end"))


class CallbackReporter(Teller):
    """Tells a function of its progress, or nobody. Warnings are Python's."""

    def __init__(self, callback: Callback | None, loggers: Sequence[Logger] = ()):
        super().__init__(self._progress, loggers)
        self._callback = callback

    def _progress(self, event: Any, *arguments: Any) -> None:
        if event == "warn":
            warnings.warn(arguments[0], stacklevel=4)
        elif event == "begin":
            self._epoch, self._step, self._steps = arguments[2], 0, 0
        if self._callback is not None and event not in ("warn", "record"):
            text = arguments[-1] if event in ("note", "finished") else ""
            now = Progress(event, self._title, self._epoch, self._epochs, self._step, self._steps, text)
            self._callback(now)


def reporter_for(progress: bool | Callback, loggers: Sequence[Logger] = ()) -> Reporter:
    """`True`: the bar of the commands, on stderr; a function: it; `False`: nobody. Of torchrun's the first process."""
    if int(os.environ.get("RANK", 0)):
        return CallbackReporter(None)
    if progress is True:
        return Reporter(loggers=loggers)
    return CallbackReporter(progress or None, loggers)
