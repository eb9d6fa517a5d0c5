"""Optimisers from recipes, and the cosine schedule as a function of the step, so that resuming needs no state."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import assert_never

import torch
from torch import nn

from vnasdsl.train.recipe_parts import Adam, Sgd


def build_optimiser(recipe: Sgd | Adam, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The torch optimiser a recipe describes."""
    if isinstance(recipe, Sgd):
        return torch.optim.SGD(
            parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.decay, nesterov=recipe.nesterov
        )
    if isinstance(recipe, Adam):
        return torch.optim.Adam(parameters, lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.decay)
    assert_never(recipe)


def learning_rate(recipe: Sgd | Adam, step: int, total: int) -> float:
    """Rate of a step (from 0) of `total`: end + (lr - end) / 2 * (1 + cos(pi * step / total)); `lr` without `end`."""
    if recipe.end is None:
        return recipe.lr
    return recipe.end + (recipe.lr - recipe.end) / 2 * (1 + math.cos(math.pi * min(step, total) / max(total, 1)))


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
