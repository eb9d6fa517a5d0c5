"""What brings a supernet nearer to the network that is decoded from it: recipe keys that are off by default."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.derive.decode import SKIP
from vnasdsl.searching.draws import mixtures_in
from vnasdsl.train.recipes import GradientRecipe


class Deciding:
    """The temperature, the weight of the entropy and the dropout of skips, epoch by epoch."""

    def __init__(self, model: Any, recipe: GradientRecipe):
        self.model = model
        self.recipe = recipe
        self.entropy_weight = 0.0
        self.dropout = recipe.skip_dropout
        if recipe.skip_dropout:
            for mixture in mixtures_in(model):
                for option, candidate in zip(mixture.options, mixture.children(), strict=True):
                    if option == SKIP:
                        candidate.register_forward_hook(self._drop)

    def begin(self, epoch: int) -> None:
        """Everything depends on the epoch alone: a resumed search goes on as it would have."""
        first, last = self.recipe.warmup + 1, self.recipe.epochs
        progress = min(1.0, max(0.0, (epoch - first) / (last - first))) if last > first else 1.0
        self.entropy_weight = self.recipe.entropy * progress
        self.dropout = self.recipe.skip_dropout * (1 - progress)
        start, end = self.recipe.anneal
        if start != 1 or end != 1:
            for part in (*self.model.stages().values(), *mixtures_in(self.model)):
                part.temperature = start * (end / start) ** progress

    def entropy_term(self) -> Tensor | float:
        return self.entropy_weight * mean_entropy(self.model) if self.entropy_weight else 0.0

    def _drop(self, module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return F.dropout(output, self.dropout, module.training)


def mean_entropy(model: Any) -> Tensor:
    """The mean entropy of the choices, each relative to its largest: 0 is decided, 1 is uniform."""
    return torch.stack([torch.special.entr(row).sum() / math.log(len(row)) for row in _distributions(model)]).mean()


def _distributions(model: Any) -> Iterator[Tensor]:
    """Of every mixture, and of every state over the states after it."""
    mixtures = {id(mixture.alphas): mixture for mixture in mixtures_in(model)}  # tied ones once
    yield from (mixture.probabilities() for mixture in mixtures.values() if len(mixture) > 1)
    for stage in model.stages().values():
        if stage.betas is not None:
            yield from stage.probabilities(model.temperature)
