"""Mixup and CutMix: every clip of a batch with the one before it, and their targets alike."""

from __future__ import annotations

import random

from torch import Tensor

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
