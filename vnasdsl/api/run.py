"""`Run`: what a search or training left in its folder."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vnasdsl.api.models import Loaded, Network, Space
from vnasdsl.elaborate import Overrides
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import RunReader, State
from vnasdsl.runs.predictions import Predictions

if TYPE_CHECKING:
    from torch import nn


class Run:
    """The folder of a search or training, finished or not. It is read when it is asked, so a run that goes on shows
    its news."""

    def __init__(self, folder: str | os.PathLike[str]):
        """Raises: UserError where the folder is no run."""
        self.folder = Path(folder)
        _ = self._now

    @property
    def _now(self) -> RunReader:
        return RunReader(self.folder)

    @property
    def info(self) -> dict[str, Any]:
        """run.json: what was asked (`name`, `data`, `classes`, `recipe`, `seed`, `command`), and versions."""
        return self._now.facts

    @property
    def kind(self) -> str:
        """`search` or `retrain`."""
        return self._now.kind

    @property
    def state(self) -> State:
        """`running` in some process, `finished`, or `stopped` before its end."""
        return self._now.state

    @property
    def finished(self) -> bool:
        """Whether its result is written."""
        return bool(self._now.report)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """metrics.jsonl: a record for each epoch so far. Raises: UserError where a line is damaged."""
        return self._now.metrics

    @property
    def trials(self) -> list[dict[str, Any]]:
        """trials.jsonl: a record for each network drawn so far, by evolution or at random. Raises: as `metrics`."""
        return self._now.trials

    @property
    def report(self) -> dict[str, Any]:
        """report.json: the result in figures. Raises: UserError while it is not finished, or where it is damaged."""
        found = self._now.report
        if not found:
            raise UserError(f"the run in `{self.folder}` is not finished", "continue it with resume=True")
        return found

    @property
    def predictions(self) -> Predictions | None:
        """The scores of each test video, or of each of the inference part of a search; None without such videos."""
        return self._now.predictions

    @cached_property
    def space(self) -> Space:
        """The space that was searched. Raises: UserError for the run of a training."""
        if self.kind != "search":
            raise UserError(f"`{self.folder}` is a training: it has a network and no space")
        return Space(self._loaded(self.folder / "space.vns", self.info["name"]))

    @property
    def network(self) -> Network:
        """The network that was found or trained. Raises: UserError where a search has none yet."""
        return Network(self._loaded(self._now.network_file, None))

    def _loaded(self, file: Path, name: str | None) -> Loaded:
        return Loaded.read(file, name, Overrides(classes=len(self._now.classes)))

    @property
    def weights(self) -> Path:
        """The .safetensors file of the network. Raises: UserError where it is not what was written."""
        from vnasdsl.train.model_file import weights_of

        return weights_of(self.folder)

    def module(self) -> nn.Module:
        """The network with its weights, in evaluation mode. Raises: as `network` and `weights`."""
        return self.network.module(self.weights).eval()

    @property
    def checkpoints(self) -> dict[str, Path]:
        """`last`, `previous` and `best` as far as there are such, each a folder with `weights.safetensors`."""
        from vnasdsl.train.run_folder import RunFolder

        kept = RunFolder(self.folder).checkpoints
        return {role: kept.folder / name for role, name in kept.index().items()}

    def __repr__(self) -> str:
        done, planned, what = self._now.progress
        progress = "" if self.finished else f", {done} of {planned} {what}"
        return f"<Run {self.folder}: {self.kind} of {self.info['name']}, {self.state}{progress}>"
