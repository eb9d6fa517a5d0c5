"""What a training clip counts for: its label, a distribution over the classes (label smoothing, class weights, mixup,
CutMix), or, as truth values, several labels."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.recipes import TrainingRecipe


def mixed(clips: Tensor, targets: Tensor, recipe: TrainingRecipe, draw: random.Random) -> tuple[Tensor, Tensor]:
    """clips: (B, 3, T, H, W); targets: (B, classes). With both keys on, each batch is mixed in one of the two ways."""
    cut = recipe.cutmix > 0 and not (recipe.mixup and draw.random() < 0.5)
    alpha = recipe.cutmix if cut else recipe.mixup
    share = draw.betavariate(alpha, alpha)
    others = clips.roll(1, 0)
    if not cut:
        return clips.lerp(others, 1 - share), targets.lerp(targets.roll(1, 0), 1 - share)
    height, width = clips.shape[3:]
    rows, columns = (_part(side, (1 - share) ** 0.5, draw) for side in (height, width))
    clips = clips.clone()
    clips[..., rows, columns] = others[..., rows, columns]
    share = 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return clips, targets.lerp(targets.roll(1, 0), 1 - share)


def _part(side: int, share: float, draw: random.Random) -> slice:
    """A share of a side around a random middle, cut off where it leaves the picture."""
    half, middle = round(side * share) / 2, draw.randrange(side)
    return slice(max(0, int(middle - half)), min(side, int(middle + half)))


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
