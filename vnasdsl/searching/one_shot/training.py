"""Training a supernet by single paths, uniformly drawn or with every option equally often: every step trains the
weights of one network, or of a few, and no others."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from torch import Tensor

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.kernels import Kernels
from vnasdsl.searching.slices import slice_widths
from vnasdsl.train.loop import Batches, Meter, NetworkTraining, build_optimiser, fused_adam
from vnasdsl.train.progress import Reporter, percent
from vnasdsl.train.recipes import OneShotRecipe

Paths = list[dict[str, str]]
"""The networks of a step, by their choices."""
Excess = Callable[[dict[str, str]], float]
"""By how much a network breaks the limits, all together and relative to each; 0 for one that keeps them."""
MAX_DRAWS, MAX_STEPS = 50, 500
"""Networks in a row that may break a limit before one is taken nearer step by step, and the steps that may take."""


class Sampler:
    """The paths of a step follow from its seed and number alone, so a resumed run and every process draws the same."""

    def __init__(self, space: Space, sampling: str, seed: int, excess: Excess):
        self.space = space
        self.seed = seed
        self.excess = excess
        self.fair = sampling == "fair"

    def paths(self, step: int) -> Paths:
        """Raises: UserError when no network within the limits is found."""
        random = Random(f"vnasdsl path {self.seed}:{step}")
        return deal(self.space, random) if self.fair else [draw(self.space, self.excess, random)]


def draw(space: Space, excess: Excess, random: Random) -> dict[str, str]:
    """A network within the limits, all equally likely.

    Where few networks keep the limits, one that breaks them is changed, choice after choice, until it does. Raises:
    UserError when that leads nowhere.
    """
    best: dict[str, str] = {}
    least = float("inf")
    for _ in range(MAX_DRAWS):
        choices = space.sample(random)
        over = excess(choices)
        if over == 0:
            return choices
        if over < least or not best:
            best, least = choices, over
    for _ in range(MAX_STEPS):
        changed = random.choice(list(best))
        choices = space.complete({name: value for name, value in best.items() if name != changed}, random)
        over = excess(choices)
        if over == 0:
            return choices
        if over <= least:
            best, least = choices, over
    raise UserError(
        f"no network of `{space.name}` that keeps the limits was found",
        "raise the limits, or search with --set strategy=evolution",
    )


def deal(space: Space, random: Random) -> Paths:
    """As many networks as the largest choice has options, which together have each of its options once (FairNAS).

    A choice with fewer options has none of them more than once more often than another. One that only some networks
    meet deals in each of these, and edges are drawn.
    """
    choices = [choice for choice in space.choices if not choice.is_subset]
    count = max((len(choice.options) for choice in choices), default=1)
    hands: list[dict[str, str]] = [{} for _ in range(count)]
    for choice in choices:
        cards: list[str] = []
        while len(cards) < count:
            cards += random.sample(choice.options, len(choice.options))
        for hand, card in zip(hands, cards, strict=False):
            hand[choice.name] = card
    return [space.complete(hand, random) for hand in hands]


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
        self.optimiser = build_optimiser(recipe.weights, self.parameters, fused_adam(recipe.weights, device))
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
