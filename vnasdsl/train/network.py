"""Training one network on a whole training set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.train.devices import autocast
from vnasdsl.train.evaluation import Evaluation
from vnasdsl.train.loop import Batches, Meter
from vnasdsl.train.optimise import build_optimiser, learning_rate, set_learning_rate
from vnasdsl.train.progress import Reporter, percent
from vnasdsl.train.recipes import TrainingRecipe
from vnasdsl.train.weights import load_exactly


class NetworkTraining:
    """A `Trainable`: cross entropy, one optimiser, cosine over all steps."""

    title = "train"

    def __init__(
        self,
        model: nn.Module,
        recipe: TrainingRecipe,
        batches: Callable[[int], Batches],
        device: torch.device,
        watch: Callable[[nn.Module], Evaluation] | None = None,
        watch_every: int = 0,
    ):
        """batches: epoch (from 1) to its batches; watch: scores the model for the curve every `watch_every` epochs."""
        self.model = model.to(device)
        self.recipe = recipe
        self.batches = batches
        self.device = device
        self.watch, self.watch_every = watch, watch_every
        self.optimiser = build_optimiser(recipe.weights, model.parameters())

    def run_epoch(self, epoch: int, reporter: Reporter) -> dict[str, Any]:
        batches = self.batches(epoch)
        steps = len(batches)
        meter = Meter(self.device)
        reporter.epoch(epoch, steps)
        self.model.train()
        for number, (clips, labels) in enumerate(batches):
            rate = learning_rate(self.recipe.weights, (epoch - 1) * steps + number, self.recipe.epochs * steps)
            set_learning_rate(self.optimiser, rate)
            self.step(clips.to(self.device), labels.to(self.device), meter)
            reporter.step(meter.text)
        record: dict[str, Any] = {
            "train_loss": meter.loss,
            "train_top1": meter.top1,
            "lr": self.optimiser.param_groups[0]["lr"],
        }
        if self.watch is not None and self.watch_every and epoch % self.watch_every == 0:
            record["test_top1"] = self.watch(self.model).top1
        return record

    def step(self, clips: Tensor, labels: Tensor, meter: Meter) -> None:
        """One step on clips (B, 3, T, H, W) and labels (B,)."""
        self.optimiser.zero_grad(set_to_none=True)
        with autocast(self.device, self.recipe.precision):
            logits = self.model(clips)
            loss = F.cross_entropy(logits.float(), labels)
        loss.backward()
        if self.recipe.grad_clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.grad_clip)
        self.optimiser.step()
        meter.add(loss, logits, labels)

    def summary(self, record: dict[str, Any]) -> str:
        test = f"  test (1 view) {percent(record['test_top1'])}" if "test_top1" in record else ""
        return f"loss {record['train_loss']:.3f}  accuracy {percent(record['train_top1'])}{test}"

    def weights(self) -> dict[str, Tensor]:
        return self.model.state_dict()

    def optimiser_state(self) -> dict[str, Any]:
        return {"weights": self.optimiser.state_dict()}

    def restore(self, weights: dict[str, Tensor], state: dict[str, Any]) -> None:
        load_exactly(self.model, weights, "the checkpoint")
        self.optimiser.load_state_dict(state["weights"])

    def quality(self, record: dict[str, Any]) -> float | None:
        return None  # test videos select nothing
