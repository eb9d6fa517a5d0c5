"""`Run`: what a search or training left in its folder."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from vnasdsl.api.models import Loaded, Network, Space
from vnasdsl.elaborate import Overrides
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.model_file import weights_of
from vnasdsl.train.run_folder import RunFolder


class Run:
    """The folder of a search or training, finished or not. It is read when it is asked, so a run that goes on shows
    its news."""

    def __init__(self, folder: str | os.PathLike[str]):
        """Raises: UserError where the folder is no run."""
        self.folder = Path(folder)
        self._files = RunFolder(self.folder)
        _ = self.info

    @property
    def info(self) -> dict[str, Any]:
        """run.json: what was asked (`name`, `data`, `classes`, `recipe`, `seed`, `command`), and versions."""
        return self._files.facts()

    @property
    def kind(self) -> str:
        """`search` or `retrain`."""
        return str(self.info["kind"])

    @property
    def finished(self) -> bool:
        """Whether its result is written."""
        return (self.folder / "report.json").is_file()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """metrics.jsonl: a record for each epoch or trial so far. Raises: UserError where a line is damaged."""
        return self._files.metrics.read()

    @property
    def report(self) -> dict[str, Any]:
        """report.json: the result in figures. Raises: UserError while it is not finished, or where it is damaged."""
        try:
            found = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"the run in `{self.folder}` is not finished", "continue it with resume=True") from None
        except (OSError, ValueError):
            raise UserError(f"`{self.folder / 'report.json'}` is damaged") from None
        return dict(found)

    @cached_property
    def space(self) -> Space:
        """The space that was searched. Raises: UserError for the run of a training."""
        if self.kind != "search":
            raise UserError(f"`{self.folder}` is a training: it has a network and no space")
        return Space(self._loaded("space.vns", self.info["name"]))

    @property
    def network(self) -> Network:
        """The network that was found or trained. Raises: UserError where a search has none yet."""
        if not (self.folder / "network.vns").is_file():
            help = f"finish it with resume=True, or decode it with `vnasdsl derive {self.folder}`"
            raise UserError(f"`{self.folder}` has no network yet", help)
        return Network(self._loaded("network.vns", None))

    def _loaded(self, file: str, name: str | None) -> Loaded:
        overrides = Overrides(classes=len(self.info["classes"]))
        return Loaded.read(self.folder / file, name, overrides)

    @property
    def weights(self) -> Path:
        """The .safetensors file of the network. Raises: UserError where it is not what was written."""
        return weights_of(self.folder)

    def module(self) -> nn.Module:
        """The network with its weights, in evaluation mode. Raises: as `network` and `weights`."""
        return self.network.module(self.weights).eval()

    @property
    def checkpoints(self) -> dict[str, Path]:
        """`last`, `previous` and `best` as far as there are such, each a folder with `weights.safetensors`."""
        kept = self._files.checkpoints
        return {role: kept.folder / name for role, name in kept.index().items()}

    def __repr__(self) -> str:
        state = "finished" if self.finished else f"{len(self.metrics)} records so far"
        return f"<Run {self.folder}: {self.kind} of {self.info['name']}, {state}>"
