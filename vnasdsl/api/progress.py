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


class CallbackReporter(Reporter):
    """Shows nothing, and tells a function of its progress, or nobody. Warnings are Python's."""

    def __init__(self, callback: Callback | None, loggers: Sequence[Logger] = ()):
        super().__init__(quiet=True, console=Console(quiet=True), loggers=loggers)
        self._callback = callback

    def warn(self, text: str) -> None:
        warnings.warn(text, stacklevel=3)

    def note(self, text: str) -> None:
        self._tell("note", text)

    def begin(self, title: str, epochs: int, done: int) -> None:
        super().begin(title, epochs, done)
        self._epoch, self._step, self._steps = done, 0, 0
        self._tell("begin")

    def epoch(self, number: int, steps: int) -> None:
        super().epoch(number, steps)
        self._tell("epoch")

    def step(self, values: Callable[[], str]) -> None:
        super().step(values)
        self._tell("step")

    def finished(self, number: int, summary: str) -> None:
        super().finished(number, summary)
        self._tell("finished", summary)

    def end(self) -> None:
        super().end()
        self._tell("end")

    def _tell(self, event: Any, text: str = "") -> None:
        if self._callback is not None:
            self._callback(Progress(event, self._title, self._epoch, self._epochs, self._step, self._steps, text))


def reporter_for(progress: bool | Callback, loggers: Sequence[Logger] = ()) -> Reporter:
    """`True`: the bar of the commands, on stderr; a function: it; `False`: nobody. Of torchrun's the first process."""
    if int(os.environ.get("RANK", 0)):
        return CallbackReporter(None)
    if progress is True:
        return Reporter(loggers=loggers)
    return CallbackReporter(progress or None, loggers)
