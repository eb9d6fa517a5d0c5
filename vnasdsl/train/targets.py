"""What a training clip counts for: its label, a distribution over the classes (label smoothing, class weights), or, as
truth values, several labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.recipes import TrainingRecipe


class Targets:
    """Labels (B,) to what the cross entropy compares with: the labels, or (B, classes) where the recipe changes them.

    A clip that weighs w has a target that adds up to w; the weights of all training videos have mean 1.
    """

    def __init__(self, labels: Sequence[int], recipe: TrainingRecipe, several: bool = False):
        """labels: of all training videos; every class is among them. several: videos may have several.

        Raises: UserError for keys that several labels cannot have.
        """
        keys = ("label_smoothing", "mixup", "cutmix")
        used = [key for key in keys if getattr(recipe, key)] + ["class_weights"] * (recipe.class_weights != "none")
        if several and used:
            raise UserError(f"`{used[0]}` is for videos with one label each, and these have several", "leave it out")
        counts = torch.bincount(torch.tensor(labels))
        self.classes = len(counts)
        self.smoothing = recipe.label_smoothing
        self.weights = len(labels) / (self.classes * counts) if recipe.class_weights == "balanced" else None

    def __call__(self, labels: Tensor, soft: bool = False) -> Tensor:
        """soft: (B, classes) in any case."""
        if labels.dtype == torch.bool or not (soft or self.smoothing or self.weights is not None):
            return labels
        targets = F.one_hot(labels, self.classes).float()
        targets = targets * (1 - self.smoothing) + self.smoothing / self.classes
        return targets if self.weights is None else targets * self.weights.to(labels.device)[labels][:, None]


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy; of several labels the binary one, mean over the classes."""
    if targets.dtype == torch.bool:
        return F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype))
    return F.cross_entropy(logits, targets)


def hits(logits: Tensor, targets: Tensor) -> Tensor:
    """(B,): whether the best class is the label, one of the labels, or the class that counts most."""
    guess = logits.argmax(dim=1)
    if targets.dtype == torch.bool:
        return targets.gather(1, guess[:, None])[:, 0]
    return guess == (targets if targets.dim() == 1 else targets.argmax(dim=1))
