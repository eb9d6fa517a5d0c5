"""What is drawn for a step of a search: the candidates that run (recipe key `mode`), noise (`gumbel`), or networks
(`samples`).

A weight step runs one candidate, a choice step two, weighed by their probabilities renormalised (ProxylessNAS, Cai et
al. 2019, section 3.2; DenseNAS, Fang et al. 2020, draws the operations so). Only what ran then learns, and the two keep
the probability they had together: the others keep theirs. Drawing states by the same rule is our own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

TINY = 1e-300


class Draws:
    """Draws for a supernet what a mode says.

    `operations`: of every mixture. `paths` and `shared`: states too; a weight step then runs one network, a choice step
    two states of every stage, drawn by the probability that a path reaches them, and all branches between them.
    `full`: Gumbel noise on all alphas and betas, and everything runs (SNAS, Xie et al. 2019).
    """

    def __init__(self, model: Any, mode: str, seed: int):
        self.model = model
        self.mode = mode
        self.seed = seed
        self.stages: list[Any] = list(model.stages().values())
        groups: dict[int, list[Any]] = {}  # uses of a tied block share their alphas: they draw the same
        for mixture in mixtures_in(model):
            groups.setdefault(id(mixture.alphas), []).append(mixture)
        self._groups = tuple(groups.values())
        self._ran: dict[int, tuple[Tensor, float]] = {}
        """For every parameter that a choice step draws from: which of its entries run, and their temperature."""

    def draw(self, of_choices: bool, number: int) -> None:
        """Draw for step `number` of its kind: the same whatever was drawn before, on every device."""
        self._draw(self.mode, 2 if of_choices else 1, Random(f"{self.seed} {of_choices} {number}"))

    def draw_network(self, number: int) -> Tensor:
        """Let one network run, drawn by the probabilities in every mode; returns its log probability.

        All choices may learn from it: nothing is masked or settled. The edges of a `pick` are not drawn.
        """
        self._draw("paths", 1, Random(f"{self.seed} network {number}"))
        self._ran = {}
        logs, source = [], 0
        for stage in self.stages:
            if stage.betas is not None:
                logs.append(stage.probabilities(self.model.temperature)[source, stage.drawn[0]].log())
            source = stage.drawn[0]
        made = {id(mixture.alphas): mixture for mixture in self._reached()}  # tied ones are one choice
        logs += [mixture.probabilities()[mixture.drawn[0]].log() for mixture in made.values()]
        return torch.stack(logs).sum()

    def _draw(self, mode: str, count: int, random: Random) -> None:
        self._ran = {}
        if mode in ("paths", "shared"):
            self._draw_states(count, random)
        if mode == "full":
            self._draw_noise([*self._groups, *([stage] for stage in self.stages if stage.betas is not None)], random)
            return
        shares = rows([group[0].probabilities() for group in self._groups])
        for group, row in zip(self._groups, shares, strict=True):
            drawn = draw(row, count, random)
            for mixture in group:
                mixture.drawn = drawn
        if count > 1:
            for mixture, *_ in self._groups:
                self._ran[id(mixture.alphas)] = torch.zeros_like(mixture.alphas, dtype=torch.bool), 1.0
            for mixture in self._reached():
                self._ran[id(mixture.alphas)][0][list(mixture.drawn)] = True

    def _draw_noise(self, groups: list[list[Any]], random: Random) -> None:
        for group in groups:
            like = group[0].betas if hasattr(group[0], "betas") else group[0].alphas
            noise = like.new_tensor([gumbel(random) for _ in range(like.numel())]).view_as(like)
            for part in group:
                part.noise = noise

    def _draw_states(self, count: int, random: Random) -> None:
        mass, sources = [1.0], (0,)
        for stage in self.stages:
            p = rows(list(stage.probabilities(self.model.temperature)))
            if count == 1:
                mass = p[sources[0]]  # of the state before: a path, state by state
            else:
                mass = [math.fsum(m * row[j] for m, row in zip(mass, p, strict=True)) for j in range(len(p[0]))]
            stage.drawn = draw(mass, count, random)
            if stage.betas is not None and count > 1:
                ran = torch.zeros_like(stage.betas, dtype=torch.bool)
                ran[torch.tensor(sources)[:, None], torch.tensor(stage.drawn)] = True
                self._ran[id(stage.betas)] = ran, self.model.temperature
            sources = stage.drawn

    def _reached(self) -> Iterator[Any]:
        """The mixtures that the step runs."""
        for stage in self.stages:
            for j in stage.drawn:
                yield from reached(tuple(stage.values())[j])

    def mask(self, parameter: nn.Parameter, gradient: Tensor | None) -> Tensor | None:
        """The gradient of what ran; None where nothing did."""
        if id(parameter) not in self._ran or gradient is None:
            return gradient
        ran, _ = self._ran[id(parameter)]
        return gradient * ran if ran.any() else None

    @torch.no_grad()
    def settle(self, parameter: nn.Parameter, before: Tensor) -> None:
        """After a step of the optimiser: what did not run is as before, and what ran has together the same share."""
        if id(parameter) in self._ran:
            ran, heat = self._ran[id(parameter)]
            old, new = (values.masked_fill(~ran, -torch.inf) / heat for values in (before, parameter))
            shift = heat * (new.logsumexp(dim=-1, keepdim=True) - old.logsumexp(dim=-1, keepdim=True))
            parameter.copy_(torch.where(ran, parameter - shift, before))

    def everything(self) -> None:
        """Every candidate runs again, without noise."""
        for part in chain(self.stages, *self._groups):
            part.drawn, part.noise = tuple(range(len(part))), 0.0


def draw(weights: Sequence[float], count: int, random: Random) -> tuple[int, ...]:
    """Different indices, drawn one after the other in proportion to their weights (by the Gumbel-top-k trick)."""
    keys = [math.log(max(weight, TINY)) + gumbel(random) for weight in weights]
    return tuple(sorted(sorted(range(len(keys)), key=lambda i: -keys[i])[:count]))


def gumbel(random: Random) -> float:
    """Added to logarithms of weights, it makes the largest of them a draw in proportion to the weights."""
    return -math.log(-math.log(random.random() or TINY))


def rows(tensors: list[Tensor]) -> list[list[float]]:
    """Vectors as numbers, fetched from their device together."""
    values = torch.cat(tensors).tolist() if tensors else []
    found, start = [], 0
    for tensor in tensors:
        found.append(values[start : start + len(tensor)])
        start += len(tensor)
    return found


def mixtures_in(module: nn.Module) -> Iterator[Any]:
    """Every mixture below a module, those inside of others too."""
    return filter(is_mixture, module.modules())


def reached(module: Any) -> Iterator[Any]:
    """The mixtures that a module runs, itself among them."""
    parts = tuple(module.children())
    if is_mixture(module):
        yield module
        parts = tuple(parts[i] for i in module.drawn)
    for part in parts:
        yield from reached(part)


def is_mixture(module: nn.Module) -> bool:
    return hasattr(module, "alphas") and hasattr(module, "drawn")
