"""Writers beside metrics.jsonl: the same figures for TensorBoard and for Weights & Biases.

They lie in the run's folder, `RUN/tensorboard` and `RUN/wandb`, and need no network.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.lines import RUN_FILE

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
