"""What a choice step adds to the cross entropy: the cost, whose weight finds the one that meets a target, and what
brings a supernet nearer to the network that is decoded from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vnasdsl.derive.decode import SKIP
from vnasdsl.searching.draws import mixtures_in
from vnasdsl.train.progress import megas
from vnasdsl.train.recipe_parts import Cost, Nothing
from vnasdsl.train.recipes import GradientRecipe

# How much the multiplier grows in an epoch at a cost e times the goal, and how strongly the loss itself is bent towards
# the goal. On the supernet of the tests targets were then met within 3 %, and without damping missed by up to 40 %.
_RATE = 0.5
_DAMPING = 4.0


class CostTerm:
    """weight * log_base(c), with c in millions (Eq. 5 of Zhou et al. 2021).

    With a target, every choice step raises the weight where c is above its goal and lowers it below, even under 0:
    gradient ascent on a Lagrange multiplier, as in LightNAS (Luo et al. 2022, You Only Search Once). A quadratic term
    damps the oscillation (Platt and Barr 1987, Constrained differential optimization). The goal moves from the cost
    before the first choice step to the target in the first half of the choice steps (our own): at once, the cost alone
    would decide the first choices.
    """

    def __init__(self, model: Any, cost: Cost):
        self.model = model
        self.cost = cost
        self.weight = 0.0 if isinstance(cost, Nothing) else cost.weight
        self.target = None if isinstance(cost, Nothing) else cost.target
        self.goal: float | None = None
        self.start: float | None = None
        """The cost before the first choice step."""

    def expected(self) -> Tensor:
        """MACs or parameters, as the recipe says."""
        params = self.cost.kind == "params"
        found: Tensor = self.model.expected_params() if params else self.model.expected_macs()
        return found

    def begin(self, progress: float) -> None:
        """Before a choice step. progress: the share of the choice steps that is done."""
        if self.target is not None:
            self.start = self.start or self._now()
            self.goal = self.target * (self.start / self.target) ** max(0.0, 1 - 2 * progress)

    def term(self) -> Tensor:
        if isinstance(self.cost, Nothing):
            return torch.zeros(())
        c = self.expected()
        term = self.weight * (c / 1e6).log() / math.log(self.cost.base)
        return term if self.goal is None else term + _DAMPING / 2 * (c / self.goal).log() ** 2

    def adapt(self, steps: int) -> None:
        """After a choice step, one of `steps` in an epoch."""
        if self.goal is not None and not isinstance(self.cost, Nothing):
            self.weight += _RATE * math.log(self.cost.base) * math.log(self._now() / self.goal) / steps

    @torch.no_grad()
    def _now(self) -> float:
        return float(self.expected())

    def summary(self) -> str:
        """For the line of an epoch."""
        if self.target is None:
            return ""
        if self.cost.kind == "macs":
            return f"  target {megas(self.target)}  cost weight {self.weight:.3f}"
        return f"  {self._now():,.0f} parameters  target {self.target:,.0f}  cost weight {self.weight:.3f}"

    def record(self) -> dict[str, float]:
        """For the metrics of an epoch."""
        if isinstance(self.cost, Nothing):
            return {}
        with torch.no_grad():
            found = {"cost": float(self.term())}
        if self.cost.kind == "params":
            found["expected_params"] = self._now()
        if self.target is not None:
            found |= {f"target_{self.cost.kind}": self.target, "cost_weight": self.weight}
        return found

    def state(self) -> dict[str, float | None]:
        return {"weight": self.weight, "start": self.start}

    def restore(self, state: dict[str, Any]) -> None:
        self.weight, self.start = state["weight"], state["start"]


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
