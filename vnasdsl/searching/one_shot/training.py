"""Training a supernet by single paths: every step trains the weights of one network, or of a few, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vnasdsl.searching.kernels import Kernels
from vnasdsl.searching.one_shot.sampling import Sampler
from vnasdsl.searching.slices import slice_widths
from vnasdsl.train.loop import Batches, Meter, NetworkTraining, build_optimiser
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
        self.kernels = Kernels(self.model, recipe, device)
        views = slice_widths(self.model, recipe.elastic) if recipe.widths == "shared" else set()
        self.sampler = sampler
        for parameter in model.choice_parameters():
            parameter.requires_grad_(False)
        self.parameters = [p for p in model.weight_parameters() if p not in views]
        self.optimiser = build_optimiser(recipe.weights, self.parameters)
        self.average = None

    def run_epoch(self, epoch: int, reporter: Reporter) -> dict[str, Any]:
        try:
            return super().run_epoch(epoch, reporter)
        finally:
            self.model.set_choices(None)

    def add_gradients(self, step: int, clips: Tensor, labels: Tensor, part: float, meter: Meter) -> None:
        self.add_gradients_of(self.sampler.paths(step), clips, labels, part, meter)

    def add_gradients_of(
        self, paths: list[dict[str, str]], clips: Tensor, labels: Tensor, part: float, meter: Meter
    ) -> None:
        """The sum of those of some paths."""
        clips = self.kernels.laid_out(clips)
        for choices in paths:
            self.model.set_choices(choices)
            super().add_gradients(0, clips, labels, part, meter)

    def summary(self, record: dict[str, Any]) -> str:
        return f"loss {record['train_loss']:.3f}  accuracy of its paths {percent(record['train_top1'])}"
