"""Accuracy over views: softmax scores averaged over the clips and crops of a video."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.data import ClipShape, FaultLog, Video
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.predictions import Predictions
from vnasdsl.train import ranks
from vnasdsl.train.clips import evaluation_views
from vnasdsl.train.devices import autocast
from vnasdsl.train.recipes import Recipe


class NoNumbersError(UserError):
    """A network scores videos with NaN."""


@dataclass(frozen=True)
class Evaluation:
    """Shares are from 0 to 1."""

    top1: float
    top5: float
    loss: float
    """Mean negative log of the averaged score of the right class."""
    videos: int
    views: int
    per_class: dict[str, float]
    """Top-1 of every class that has videos; where videos have several labels, average precision."""
    predictions: Predictions | None = field(default=None, repr=False, compare=False)
    """The same by video, where it is known which videos they are."""

    @property
    def mean_class(self) -> float:
        """Mean class accuracy: every class counts alike, however many videos it has. Of several labels the mAP."""
        return fmean(self.per_class.values())

    def as_dict(self) -> dict[str, Any]:
        """Without the predictions."""
        shown = ("top1", "top5", "mean_class", "loss", "videos", "views", "per_class")
        return {key: getattr(self, key) for key in shown}


@dataclass(frozen=True)
class Scores:
    """What a network says of videos: softmax scores averaged over the views of each; where videos have several labels,
    those of a sigmoid."""

    videos: tuple[int, ...]
    """Their numbers, in order."""
    mean: Tensor
    """(videos, classes), float64."""
    labels: Tensor
    """(videos,); of several labels bool (videos, classes)"""
    views: int

    @classmethod
    def mean_of(cls, each: Sequence[Scores]) -> Scores:
        """Several networks together: the mean of their scores, over the videos that all of them have seen."""
        common = [video for video in each[0].videos if all(video in scores.videos for scores in each)]
        rows = [[scores.videos.index(video) for video in common] for scores in each]
        mean = torch.stack([scores.mean[row] for scores, row in zip(each, rows, strict=True)]).mean(dim=0)
        return cls(tuple(common), mean, each[0].labels[rows[0]], sum(scores.views for scores in each))

    def predictions(self, videos: Sequence[Video], classes: Sequence[str]) -> Predictions:
        """videos, classes: those that were scored; of several labels, the one with the highest score counts."""
        labels = self.labels if self.labels.dim() == 1 else self.mean.masked_fill(~self.labels, -1).argmax(dim=1)
        paths = tuple(videos[number].path for number in self.videos)
        return Predictions(tuple(classes), paths, labels.numpy(), self.mean.numpy())


@torch.no_grad()
def score_views(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor, Tensor]], device: torch.device, precision: str = "fp32"
) -> Scores:
    """Score batches of (views (B, C, T, H, W), labels (B,), video numbers (B,)); a video may lie in several batches.

    Where the ranks of a training have shared the videos out, the scores are those of all.

    Raises: UserError when there is no view at all; NoNumbersError.
    """
    was_training = model.training
    model.eval()
    sums: dict[int, Tensor] = {}
    labels: dict[int, int | list[bool]] = {}
    counts: dict[int, int] = {}
    try:
        for views, view_labels, videos in batches:
            with autocast(device, precision):
                logits = model(views.to(device))
            several = view_labels.dtype == torch.bool
            scores = (logits.double().sigmoid() if several else F.softmax(logits.double(), dim=1)).cpu()
            for score, label, video in zip(scores, view_labels.tolist(), videos.tolist(), strict=True):
                sums[video] = sums[video] + score if video in sums else score
                counts[video] = counts.get(video, 0) + 1
                labels[video] = label
    finally:
        model.train(was_training)
    for of_rank in ranks.gather((sums, labels, counts)):  # every rank has other videos
        sums.update(of_rank[0])
        labels.update(of_rank[1])
        counts.update(of_rank[2])
    if not sums:
        raise UserError("there are no videos to evaluate")
    order = sorted(sums)
    mean = torch.stack([sums[video] / counts[video] for video in order])
    truth = torch.tensor([labels[video] for video in order])
    broken = int((~mean.isfinite()).any(dim=1).sum())
    if broken:
        raise NoNumbersError(
            f"the network scores {broken} of {len(order)} videos with NaN: its weights are damaged, or have diverged",
            "take an earlier checkpoint, or train it again with a smaller learning rate (--set weights.lr=...)",
        )
    return Scores(tuple(order), mean, truth, sum(counts.values()))


def evaluate_views(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor, Tensor]],
    classes: Sequence[str],
    device: torch.device,
    precision: str = "fp32",
    videos: Sequence[Video] = (),
) -> Evaluation:
    """`score_views`, summarised. Raises: UserError when there is no view at all."""
    return summarise(score_views(model, batches, device, precision), classes, videos)


def evaluate_videos(
    model: nn.Module,
    videos: Sequence[Video],
    shape: ClipShape,
    recipe: Recipe,
    classes: Sequence[str],
    device: torch.device,
    faults: FaultLog,
) -> Evaluation:
    """Accuracy over clips x crops views of every video; unreadable videos go into `faults`."""
    with closing(evaluation_views(videos, shape, recipe, faults, device)) as views:
        return evaluate_views(model, views, classes, device, recipe.precision, videos)


def average_precision(scores: Tensor, positive: Tensor) -> float | None:
    """The mean, over the positive videos, of the precision among those scored at least as high; None without any."""
    if not positive.any():
        return None
    order = scores.argsort(descending=True)
    ranked = positive[order].double()
    # Videos with equal scores are one step: each has the precision at the last of them.
    last = torch.searchsorted(-scores[order], -scores[order], right=True) - 1
    precision = (ranked.cumsum(0) / torch.arange(1, len(ranked) + 1))[last]
    return float((precision * ranked).sum() / ranked.sum())


def summarise(scores: Scores, classes: Sequence[str], videos: Sequence[Video] = ()) -> Evaluation:
    """Accuracy of some scores; where videos have several labels, whether the best class is one of them."""
    mean, truth = scores.mean, scores.labels
    best = mean.topk(min(5, mean.shape[1]), dim=1).indices
    if truth.dim() == 2:
        hits = truth.gather(1, best)
        loss = F.binary_cross_entropy(mean, truth.double())
        found = ((name, average_precision(mean[:, n], truth[:, n])) for n, name in enumerate(classes))
        per_class = {name: precision for name, precision in found if precision is not None}
    else:
        hits = best == truth[:, None]
        loss = -mean[torch.arange(len(truth)), truth].clamp_min(1e-12).log().mean()
        per_class = {
            name: hits[truth == number, 0].double().mean().item()
            for number, name in enumerate(classes)
            if (truth == number).any()
        }
    return Evaluation(
        top1=hits[:, 0].double().mean().item(),
        top5=hits.any(dim=1).double().mean().item(),
        loss=loss.item(),
        videos=len(truth),
        views=scores.views,
        per_class=per_class,
        predictions=scores.predictions(videos, classes) if videos else None,
    )
