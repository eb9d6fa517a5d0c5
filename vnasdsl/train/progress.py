"""Progress of a training or search, on stderr: a live bar on a terminal, else a line per epoch and minute. The same
figures for TensorBoard and Weights & Biases lie in RUN/tensorboard and RUN/wandb, and need no network."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.visible import visible
from vnasdsl.runs.folder import RUN_FILE

_PROJECT = "vnasdsl"


class Logger(Protocol):
    """Writes records somewhere. Nothing is written before the first one: until then the run's folder may not exist."""

    def record(self, step: int, values: Mapping[str, Any]) -> None:
        """step: the number of the epoch or trial, rising."""
        ...

    def close(self) -> None: ...


def loggers_of(names: tuple[str, ...], run: Path) -> list[Logger]:
    """The loggers of these names. Raises: UserError for another name, or when a package is not installed."""
    for name in dict.fromkeys(names):
        if name not in LOGGERS:
            raise UserError(f"there is no log `{name}`", f"known are {', '.join(LOGGERS)}")
        if find_spec(name) is None:
            raise UserError(f"--log {name} needs the package `{name}`", f"pip install 'vnasdsl[{name}]'")
    return [LOGGERS[name](run) for name in dict.fromkeys(names)]


class TensorBoard:
    """Scalars by epoch, in RUN/tensorboard. After --resume, what a lost epoch had written does not count."""

    def __init__(self, run: Path):
        self.run = run
        self._writer: Any = None

    def record(self, step: int, values: Mapping[str, Any]) -> None:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.run / "tensorboard"), purge_step=step)
            text = json.dumps(_facts(self.run).get("recipe"), indent=2)
            self._writer.add_text("recipe", "\n".join(f"    {line}" for line in text.splitlines()), step)
        for tag, value in scalars(values):
            self._writer.add_scalar(tag, value, step)
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class WandB:
    """A run in RUN/wandb, offline unless WANDB_MODE says otherwise; `wandb sync` sends it later."""

    def __init__(self, run: Path):
        self.run = run
        self._logged: Any = None

    def record(self, step: int, values: Mapping[str, Any]) -> None:
        if self._logged is None:
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # no other host is asked anything
            import wandb

            facts = _facts(self.run)
            mode: Any = os.environ.get("WANDB_MODE", "offline")
            self._logged = wandb.init(
                project=_PROJECT,
                name=self.run.resolve().name,
                id=sha256(str(self.run.resolve()).encode()).hexdigest()[:12],  # the same after --resume
                resume=None if mode == "offline" else "allow",
                mode=mode,
                dir=str(self.run),
                config={key: facts[key] for key in ("kind", "name", "data", "seed", "recipe") if key in facts},
                settings=wandb.Settings(silent=True, console="off", x_disable_stats=True, x_disable_meta=True),
            )
        self._logged.log(dict(scalars(values)), step=step)

    def close(self) -> None:
        if self._logged is not None:
            self._logged.finish()


LOGGERS: dict[str, Callable[[Path], Logger]] = {"tensorboard": TensorBoard, "wandb": WandB}


def scalars(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers among some values, those of inner mappings as `entropy/s2`."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from scalars(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + key, float(value)


def _facts(run: Path) -> dict[str, Any]:
    facts = json.loads((run / RUN_FILE).read_text(encoding="utf-8"))
    assert isinstance(facts, dict)
    return facts


# Seconds between two updates of a bar, and between two plain lines within an epoch.
_BAR_EVERY, _LINE_EVERY = 0.25, 60.0
# Steps that an estimate goes by, after a first one that is slower; a shorter time in all is not worth a line.
_TIMED_STEPS, _WORTH_SAYING = 5, 60.0


class Reporter:
    """Shows epochs and steps. `quiet` shows warnings only."""

    def __init__(
        self,
        quiet: bool = False,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        loggers: Sequence[Logger] = (),
    ):
        """clock: seconds since any moment; only differences count. loggers: to which records are passed on."""
        self.loggers = list(loggers)
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self.quiet = quiet
        self.clock = clock
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._title = ""
        self._epochs = self._first = self._epoch = self._steps = self._step = 0
        self._began = self._shown = self._first_step = 0.0
        self._more: int | None = None

    def note(self, text: str) -> None:
        if not self.quiet:
            self._print(text)

    def warn(self, text: str) -> None:
        self._print(f"warning: {text}", "yellow")

    def record(self, step: int, values: Mapping[str, Any]) -> None:
        """What was measured in an epoch or trial: for loggers, not for people."""
        for logger in tuple(self.loggers):
            try:
                logger.record(step, values)
            except Exception as fault:  # the training matters more than its copy
                self.loggers.remove(logger)
                self.warn(f"nothing more goes to {type(logger).__name__}: {' '.join(str(fault).split())[:200]}")

    def close(self) -> None:
        """End the loggers."""
        for logger in self.loggers:
            logger.close()

    def begin(self, title: str, epochs: int, done: int) -> None:
        """Start a phase of `epochs` epochs (or trials), `done` of which are finished."""
        self._title, self._epochs, self._first = title, epochs, done
        self._began = self._shown = self.clock()
        self._more = None
        if self.console.is_terminal and not self.quiet:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=12),
                MofNCompleteColumn(table_column=Column(no_wrap=True)),
                TextColumn("{task.fields[values]}", table_column=Column()),  # wraps where the others would be cut
                console=self.console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(title, total=epochs, completed=done, values="")

    def epoch(self, number: int, steps: int) -> None:
        """Epoch `number` (from 1) of `steps` steps starts."""
        self._epoch, self._steps, self._step = number, steps, 0
        if self._bar is not None:
            self._bar.reset(self._task, total=steps, description=f"{self._title} {number}/{self._epochs}", values="")

    def foretell(self, more: int = 0) -> None:
        """In the first epoch of a phase: say after a few steps how long the phase will take.

        more: steps of all later epochs together, besides as many in each as this one has.
        """
        if self._epoch == self._first + 1:
            self._more = more

    def step(self, values: Callable[[], str]) -> None:
        """One step is done; `values` is called only when something is shown, as it may wait for the device."""
        self._step += 1
        self._time_first_steps()
        if self.quiet:
            return
        now, last = self.clock(), self._step == self._steps
        if self._bar is not None:
            if now - self._shown > _BAR_EVERY or last:
                self._shown = now
                self._bar.update(self._task, completed=self._step, values=f"{values()}  {self._left()} left")
        elif now - self._shown >= _LINE_EVERY and not last:  # the line of the epoch follows the last step
            self._shown = now
            self._line(self._epoch, f"step {self._step}/{self._steps}  {values()}  {self._left()} left")

    def finished(self, number: int, summary: str) -> None:
        """`number` epochs (or trials, which have no steps) are done; `summary` is the line of the last one."""
        self._epoch, self._step = number, self._steps
        if self.quiet:
            return
        self._shown = self.clock()
        left = f"{self._left()} left" if number < self._epochs else ""
        self._line(number, f"{summary}  {left}".rstrip())
        if self._bar is not None and not self._steps:
            self._bar.update(self._task, completed=number, values=left)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _time_first_steps(self) -> None:
        if self._step == 1:
            self._first_step = self.clock()
        elif self._more is not None and self._step == min(1 + _TIMED_STEPS, self._steps):
            each = (self.clock() - self._first_step) / (self._step - 1)
            epochs = self._epochs - self._first
            seconds = each * (epochs * self._steps + self._more)
            if seconds >= _WORTH_SAYING:
                self.note(
                    f"about {duration(seconds)} for {epochs} epoch{'s' if epochs > 1 else ''}, by the first steps"
                )
            self._more = None

    def _line(self, epoch: int, text: str) -> None:
        self._print(f"{self._title} {epoch}/{self._epochs}  {text}")

    def _print(self, text: str, style: str = "") -> None:
        self.console.print(Text("\n".join(map(visible, text.split("\n"))), style=style))

    def _left(self) -> str:
        done = self._epoch - 1 - self._first + (self._step / self._steps if self._steps else 1.0)
        if done <= 0:
            return "?"
        return duration((self.clock() - self._began) / done * (self._epochs - self._first - done))


def duration(seconds: float) -> str:
    """`0:42`, `12:05`, `3:20:00`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def megas(macs: float) -> str:
    """MACs with a unit: `15.78 GMACs`, `3.20 MMACs`, `65.40 kMACs`."""
    for unit, prefix in ((1e9, "G"), (1e6, "M")):
        if macs >= unit:
            return f"{macs / unit:.2f} {prefix}MACs"
    return f"{macs / 1e3:.2f} kMACs"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"
