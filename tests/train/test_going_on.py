"""Epochs that go on after a damaged checkpoint, with a trainable that only counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vnasdsl.train.loop import run_epochs
from vnasdsl.train.progress import Reporter
from vnasdsl.train.run_folder import RunFolder


class Scripted:
    """Its weight is the epoch, its qualities are given."""

    title = "epoch"

    def __init__(self, qualities: dict[int, float | None]):
        self.qualities = qualities
        self.epoch = 0

    def run_epoch(self, epoch: int, reporter: Reporter) -> dict[str, Any]:
        self.epoch = epoch
        return {"top1": self.qualities[epoch]}

    def summary(self, record: dict[str, Any]) -> str:
        return ""

    def weights(self) -> dict[str, Tensor]:
        return {"epoch": torch.tensor(self.epoch)}

    def optimiser_state(self) -> dict[str, Any]:
        return {}

    def restore(self, weights: dict[str, Tensor], state: dict[str, Any]) -> None:
        self.epoch = int(weights["epoch"])

    def quality(self, record: dict[str, Any]) -> float | None:
        value = record["top1"]
        return None if value is None else float(value)


def damage(run: RunFolder, epoch: int) -> None:
    (run / "checkpoints" / f"epoch-{epoch:04d}" / "weights.safetensors").write_bytes(b"")


def go(run: RunFolder, qualities: dict[int, float | None], resume: bool = True) -> dict[str, str]:
    run_epochs(Scripted(qualities), max(qualities), run, Reporter(quiet=True), resume)
    return run.checkpoints.index()


def test_a_best_that_is_lost_gives_way_to_the_best_that_follows(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert go(run, {1: 0.2, 2: 0.3, 3: 0.9}, resume=False)["best"] == "epoch-0003"
    damage(run, 3)
    # As on a GPU, where the same epoch need not come out the same.
    assert go(run, {3: 0.5, 4: 0.7, 5: 0.6})["best"] == "epoch-0004"
    assert int(run.checkpoints.load("best").weights["epoch"]) == 4


@pytest.mark.parametrize("damaged", [None, 4])
def test_a_best_that_is_kept_stays_until_it_is_reached(tmp_path: Path, damaged: int | None) -> None:
    run = RunFolder(tmp_path)
    go(run, {1: None, 2: 0.9, 3: 0.4, 4: 0.5}, resume=False)
    if damaged is not None:
        damage(run, damaged)
    assert go(run, {4: 0.5, 5: 0.8})["best"] == "epoch-0002"
    assert go(run, {6: 0.9})["best"] == "epoch-0006"
