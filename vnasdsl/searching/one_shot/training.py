"""Training a supernet by single paths: every step trains the weights of one network, or of a few, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.searching.one_shot.sampling import Sampler
from vnasdsl.searching.slices import slice_widths
from vnasdsl.train import ranks
from vnasdsl.train.devices import autocast
from vnasdsl.train.loop import Batches, Meter, NetworkTraining, build_optimiser, learning_rate, set_learning_rate
from vnasdsl.train.progress import Reporter, percent
from vnasdsl.train.recipes import OneShotRecipe


class PathTraining(NetworkTraining):
    """A `Trainable` (Guo et al. 2020, section 3.3; for several paths in a step Chu et al. 2021, algorithm 1).

    Alphas and betas take no part. A weight that no path of a step uses has no gradient, so the optimiser leaves it, and
    what it remembers of it, as they are. A weight of which a part is used, as with shared widths, is stepped whole.
    """

    title = "supernet"

    def __init__(
        self, model: Any, recipe: OneShotRecipe, train: Callable[[int], Batches], sampler: Sampler, device: torch.device
    ):
        """model: a generated supernet; train: number of a pass (from 1) to its batches."""
        super().__init__(model, recipe, train, device)
        self.model: Any
        views = slice_widths(self.model) if recipe.widths == "shared" else set()
        self.sampler = sampler
        for parameter in model.choice_parameters():
            parameter.requires_grad_(False)
        self._weights: list[nn.Parameter] = [p for p in model.weight_parameters() if p not in views]
        self.optimiser = build_optimiser(recipe.weights, self._weights)

    def run_epoch(self, epoch: int, reporter: Reporter) -> dict[str, Any]:
        batches = self.batches(epoch)
        steps = len(batches)
        meter = Meter(self.device)
        reporter.epoch(epoch, steps)
        self.model.train()
        try:
            for number, (clips, labels) in enumerate(batches):
                step = (epoch - 1) * steps + number
                set_learning_rate(self.optimiser, learning_rate(self.recipe.weights, step, self.recipe.epochs * steps))
                self.path_step(self.sampler.paths(step), clips.to(self.device), labels.to(self.device), meter)
                reporter.step(meter.text)
        finally:
            self.model.set_choices(None)
        meter.together()
        return {
            "train_loss": meter.loss,
            "train_top1": meter.top1,
            "lr": self.optimiser.param_groups[0]["lr"],
        }

    def path_step(self, paths: list[dict[str, str]], clips: Tensor, labels: Tensor, meter: Meter) -> None:
        """One step of the optimiser, along the sum of the gradients of the paths."""
        self.optimiser.zero_grad(set_to_none=True)
        for choices in paths:
            self.model.set_choices(choices)
            with autocast(self.device, self.recipe.precision):
                logits = self.model(clips)
                loss = F.cross_entropy(logits.float(), labels)
            ranks.weighted(loss, len(labels)).backward()
            meter.add(loss, logits, labels)
        ranks.add_up_gradients(self._weights)
        if self.recipe.grad_clip:
            nn.utils.clip_grad_norm_(self._weights, self.recipe.grad_clip)
        self.optimiser.step()

    def summary(self, record: dict[str, Any]) -> str:
        return f"loss {record['train_loss']:.3f}  accuracy of its paths {percent(record['train_top1'])}"
