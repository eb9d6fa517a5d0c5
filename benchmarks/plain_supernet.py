"""Eq. 1 to 5 of Zhou et al. 2021 in plain PyTorch, as one would write them by hand.

Independent of vnasdsl: `search_step.py` compares with it, and `nni_step.py` builds on its layers in an older Python.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DILATIONS = (1, 2, 4)


class Stage(NamedTuple):
    widths: tuple[int, ...]
    layers: int
    stride: int


class Layout(NamedTuple):
    """A space like `spaces/x3d3.vns`."""

    stem: int
    kernel: int
    stages: tuple[Stage, ...]
    classes: int
    dropout: float


LAYOUTS = {
    "tiny": Layout(8, 5, (Stage((8, 12, 16), 2, 2), Stage((16, 24, 32), 3, 2), Stage((32, 40, 48), 1, 1)), 8, 0.2),
    "x3d3": Layout(
        32,
        7,
        (
            Stage((48, 56, 64), 0, 2),
            Stage((72, 96, 112), 5, 2),
            Stage((128, 144, 160, 176), 10, 2),
            Stage((192, 208, 224), 5, 2),
            Stage((240, 256, 272, 288), 5, 1),
            Stage((480, 496, 512), 1, 2),
        ),
        400,
        0.5,
    ),
}
FIXED = {"tiny": (12, 24, 40), "x3d3": (64, 112, 176, 224, 288, 512)}
"""Widths for what cannot search them."""


def with_widths(layout: Layout, widths: tuple[int, ...]) -> Layout:
    """The same with one width in every stage: only operations are searched."""
    return layout._replace(stages=tuple(s._replace(widths=(w,)) for s, w in zip(layout.stages, widths)))  # noqa: B905


class Unit(nn.Module):
    def __init__(self, before: int, width: int, kernel: Any, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = tuple(d * (k // 2) for d, k in zip((dilation, 1, 1), kernel))  # noqa: B905
        steps = (1, stride, stride)
        self.conv = nn.Conv3d(before, width, kernel, steps, padding, (dilation, 1, 1), bias=False)
        self.bn = nn.BatchNorm3d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Basic(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.spatial = Unit(width, width, (1, 3, 3))
        self.temporal = Unit(width, width, (3, 1, 1), dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.temporal(self.spatial(x))


def options(width: int) -> list[nn.Module]:
    return [*(Basic(width, dilation) for dilation in DILATIONS), nn.Identity()]


class Mixture(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.options = nn.ModuleList(options(width))
        self.alphas = nn.Parameter(torch.zeros(len(DILATIONS) + 1))

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.softmax(self.alphas, dim=0)
        return sum(weight * option(x) for weight, option in zip(weights, self.options))  # noqa: B905


class PlainSupernet(nn.Module):
    def __init__(self, layout: Layout, frames: int, size: int) -> None:
        super().__init__()
        self.layout, self.frames = layout, frames
        kernel = (1, layout.kernel, layout.kernel)
        self.stem = nn.Sequential(Unit(3, layout.stem, kernel, 2), Unit(layout.stem, layout.stem, (3, 1, 1)))
        self.heads, self.stacks = nn.ModuleList(), nn.ModuleList()
        self.betas = nn.ParameterList()
        before = (layout.stem,)
        for stage in layout.stages:
            self.heads.append(
                nn.ModuleList(nn.ModuleList(Unit(b, w, (1, 3, 3), stage.stride) for b in before) for w in stage.widths)
            )
            self.stacks.append(
                nn.ModuleList(nn.Sequential(*(Mixture(w) for _ in range(stage.layers))) for w in stage.widths)
            )
            self.betas.append(nn.Parameter(torch.zeros(len(before), len(stage.widths))))
            before = stage.widths
        self.dropout = nn.Dropout(layout.dropout)
        self.linear = nn.ModuleList(nn.Linear(w, layout.classes) for w in before)
        sizes = [math.ceil(size / 2)]
        for stage in layout.stages:
            sizes.append(math.ceil(sizes[-1] / stage.stride))
        self.places = [frames * s * s for s in sizes[1:]]

    def choices(self) -> list[nn.Parameter]:
        return [p for name, p in self.named_parameters() if "alphas" in name or "betas" in name]

    def weights(self) -> list[nn.Parameter]:
        return [p for name, p in self.named_parameters() if "alphas" not in name and "betas" not in name]

    def forward(self, clips: Tensor) -> Tensor:
        states = [self.stem(clips)]
        for heads, stacks, betas in zip(self.heads, self.stacks, self.betas):  # noqa: B905
            p = torch.softmax(betas, dim=1)  # Eq. 1
            states = [
                stack(sum(p[i, j] * head(x) for i, (head, x) in enumerate(zip(heads[j], states))))  # noqa: B905
                for j, stack in enumerate(stacks)
            ]
        pooled = [self.dropout(x.mean(dim=(2, 3, 4))) for x in states]
        return sum(linear(x) for linear, x in zip(self.linear, pooled))  # noqa: B905

    def cost(self) -> Tensor:
        """Expected MACs of the stages behind the stem, from the last one back (Eq. 4)."""
        after = [torch.tensor(float(w * self.layout.classes)) for w in self.layout.stages[-1].widths]
        for s in reversed(range(len(self.layout.stages))):
            widths = self.layout.stages[s].widths
            before = self.layout.stages[s - 1].widths if s else (self.layout.stem,)
            p = torch.softmax(self.betas[s], dim=1)
            own = [
                after[j]
                + sum(
                    torch.softmax(mixture.alphas, dim=0)[:-1].sum() * 12 * w * w * self.places[s]
                    for mixture in self.stacks[s][j]
                )
                for j, w in enumerate(widths)
            ]
            after = [
                sum(p[i, j] * (9 * b * w * self.places[s] + own[j]) for j, w in enumerate(widths))
                for i, b in enumerate(before)
            ]
        return after[0]


class PlainSearch:
    """The two steps; all gradients are computed in both, as in the code of DARTS, unless it is told to be `sparing`."""

    def __init__(self, model: PlainSupernet, sparing: bool) -> None:
        self.model, self.sparing = model, sparing
        self.weight_optimiser = torch.optim.SGD(model.weights(), lr=0.02, momentum=0.9, weight_decay=4e-5)
        self.choice_optimiser = torch.optim.Adam(model.choices(), lr=3e-4, betas=(0.5, 0.999), weight_decay=1e-3)

    def needs(self, weights: bool) -> None:
        if self.sparing:
            for parameter in self.model.weights():
                parameter.requires_grad_(weights)
            for parameter in self.model.choices():
                parameter.requires_grad_(not weights)

    def weight_step(self, clips: Tensor, labels: Tensor) -> Tensor:
        self.needs(weights=True)
        self.weight_optimiser.zero_grad()
        loss = F.cross_entropy(self.model(clips), labels)
        loss.backward()
        self.weight_optimiser.step()
        return loss

    def choice_step(self, clips: Tensor, labels: Tensor) -> Tensor:
        self.needs(weights=False)
        self.choice_optimiser.zero_grad()
        cost = 0.2 * torch.log(self.model.cost() / 1e6) / math.log(3500)  # Eq. 5
        loss = F.cross_entropy(self.model(clips), labels) + cost
        loss.backward()
        self.choice_optimiser.step()
        return loss
