"""Epoch after epoch, with a checkpoint after each: the same loop for a search and for the training of one network."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.devices import random_state, restore_random_state
from vnasdsl.train.progress import Reporter
from vnasdsl.train.run_folder import RunFolder


class Batches(Protocol):
    """The batches of a pass, of known number: clips (B, 3, T, H, W) and labels (B,)."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...

    def __len__(self) -> int: ...


class Trainable(Protocol):
    """Something that is trained epoch by epoch. Epochs are counted from 1."""

    title: str

    def run_epoch(self, epoch: int, reporter: Reporter) -> dict[str, Any]:
        """Train one epoch; returns its metrics (numbers only)."""
        ...

    def summary(self, record: dict[str, Any]) -> str:
        """The metrics of an epoch in one line."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """Every parameter and buffer by name."""
        ...

    def optimiser_state(self) -> dict[str, Any]: ...

    def restore(self, weights: dict[str, Tensor], state: dict[str, Any]) -> None: ...

    def quality(self, record: dict[str, Any]) -> float | None:
        """How good the epoch's result is, higher is better; None when it was not measured."""
        ...


def run_epochs(trainable: Trainable, epochs: int, run: RunFolder, reporter: Reporter, resume: bool) -> None:
    """Run the remaining epochs. An interruption loses at most the current epoch.

    Raises: UserError when a checkpoint does not fit, or the loss is no longer finite.
    """
    done = 0
    if resume and run.checkpoints.index():
        checkpoint = run.checkpoints.load("last")
        trainable.restore(checkpoint.weights, checkpoint.state["optimisers"])
        restore_random_state(checkpoint.state["random"])
        done = checkpoint.epoch
        reporter.note(f"resuming after epoch {done} of {epochs}")
    records = [record for record in run.metrics.read() if record["epoch"] <= done]
    run.metrics.write(records)
    best = max((q for record in records if (q := trainable.quality(record)) is not None), default=None)
    reporter.begin(trainable.title, epochs, done)
    try:
        for epoch in range(done + 1, epochs + 1):
            began = time.monotonic()
            record = {"epoch": epoch, **trainable.run_epoch(epoch, reporter)}
            require_finite(record)
            record["seconds"] = round(time.monotonic() - began, 2)
            quality = trainable.quality(record)
            is_best = quality is not None and (best is None or quality >= best)
            best = quality if is_best else best
            run.metrics.append(record)  # before the checkpoint: resuming drops the records after it
            state = {"optimisers": trainable.optimiser_state(), "random": random_state()}
            run.checkpoints.save(epoch, trainable.weights(), state, best=is_best)
            reporter.finished(epoch, trainable.summary(record))
    finally:
        reporter.end()


def require_finite(record: Mapping[str, Any]) -> None:
    """Raises: UserError when a loss in the metrics of an epoch is not finite."""
    for key, value in record.items():
        if key.endswith("loss") and value is not None and not math.isfinite(value):
            raise UserError(
                f"the {key.replace('_', ' ')} of epoch {record['epoch']} is {value}: training has diverged",
                "try a smaller learning rate (--set weights.lr=...) or gradient clipping (--set grad_clip=5.0);"
                " the checkpoints of earlier epochs are kept",
            )


class Meter:
    """Mean loss and top-1 of an epoch, kept on the device so that nothing waits for it."""

    def __init__(self, device: torch.device):
        self._loss = torch.zeros((), device=device, dtype=torch.float64)
        self._hits = torch.zeros((), device=device, dtype=torch.float64)
        self._clips = 0

    @torch.no_grad()
    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """loss: mean of the batch; logits (B, classes); labels (B,)."""
        self._loss += loss.detach().double() * len(labels)
        self._hits += (logits.argmax(dim=1) == labels).sum()
        self._clips += len(labels)

    @property
    def loss(self) -> float | None:
        return self._loss.item() / self._clips if self._clips else None

    @property
    def top1(self) -> float | None:
        return self._hits.item() / self._clips if self._clips else None

    def text(self) -> str:
        return f"loss {self.loss:.3f}  accuracy {100 * (self.top1 or 0):.1f} %" if self._clips else ""
