"""What a training clip counts for: its label, or a distribution over the classes (label smoothing, class weights)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vnasdsl.train.recipes import TrainingRecipe


class Targets:
    """Labels (B,) to what the cross entropy compares with: the labels, or (B, classes) where the recipe changes them.

    A clip that weighs w has a target that adds up to w; the weights of all training videos have mean 1.
    """

    def __init__(self, labels: Sequence[int], recipe: TrainingRecipe):
        """labels: of all training videos; every class is among them."""
        counts = torch.bincount(torch.tensor(labels))
        self.classes = len(counts)
        self.smoothing = recipe.label_smoothing
        self.weights = len(labels) / (self.classes * counts) if recipe.class_weights == "balanced" else None

    def __call__(self, labels: Tensor, soft: bool = False) -> Tensor:
        """soft: (B, classes) in any case."""
        if not (soft or self.smoothing or self.weights is not None):
            return labels
        targets = F.one_hot(labels, self.classes).float()
        targets = targets * (1 - self.smoothing) + self.smoothing / self.classes
        return targets if self.weights is None else targets * self.weights.to(labels.device)[labels][:, None]


def best(targets: Tensor) -> Tensor:
    """Targets as labels (B,): the class that counts most."""
    return targets if targets.dim() == 1 else targets.argmax(dim=1)
