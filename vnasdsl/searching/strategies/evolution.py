"""Evolution: children of the best networks so far, a few mutations away, each trained on its own (Real et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import numpy as np

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.searching.evolve.bounds import Bounds, Candidate
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.predictor import Predictor
from vnasdsl.searching.evolve.propose import Population, Proposal, Proposer, child
from vnasdsl.searching.evolve.strategy import TrialStrategy
from vnasdsl.train.recipes import EvolutionRecipe

CANDIDATES = 20
"""Children that a prediction chooses from."""


def _unmeasured(network: Space, device: str) -> Mapping[str, Any]:
    raise AssertionError("latency is measured only of networks that are proposed")


class _Evolving(Proposer):
    """The first `population` networks are drawn, all others are children of trained ones."""

    def __init__(self, space: Space, recipe: EvolutionRecipe):
        super().__init__(space)
        self.recipe = recipe
        self.population = Population(recipe.population, recipe.sample, recipe.aging)
        self.bounds = Bounds(space, recipe, _unmeasured)
        self.records: list[Record] = []
        self._predictor: Predictor | None = None

    def ready(self, waiting: int) -> bool:
        return self._drawing(waiting) or bool(self.population.members)

    def propose(self, waiting: int, misses: int, random: Random) -> Proposal:
        if self._drawing(waiting):
            return super().propose(waiting, misses, random)
        known = len(self.records) + waiting
        number = CANDIDATES if known < self.recipe.predicted else 1
        children = [child(self.space, self.population, self.recipe, known, random, misses) for _ in range(number)]
        return children[0] if number == 1 else self._most_promising(children)

    def _most_promising(self, children: Sequence[Proposal]) -> Proposal:
        """The new child within the limits whose prediction is the highest."""
        if self._predictor is None:
            fitness = [record.fitness or 0.0 for record in self.records]
            self._predictor = Predictor([record.choices for record in self.records], fitness)
        values = self._predictor.optimistic([proposal.choices for proposal in children])
        for place in np.argsort(-values, kind="stable"):
            choices = children[place].choices
            if all(choices != record.choices for record in self.records):
                with suppress(UserError, VnsError):  # its parts may not fit together
                    if not self.bounds.excess(Candidate(self.space, choices)):
                        return children[place]
        return children[0]

    def _drawing(self, waiting: int) -> bool:
        return len(self.records) + waiting < self.recipe.population

    def learn(self, record: Record) -> None:
        self.records.append(record)
        self.population.add(record)
        self._predictor = None

    def needed(self) -> set[int]:
        return {member.id for member in self.population.members} if self.recipe.inherit else set()


class EvolutionStrategy(TrialStrategy):
    """Mutations follow from the kinds of choice, so it works in every space."""

    name = "evolution"

    def proposer(self, space: Space, recipe: EvolutionRecipe) -> Proposer:
        return _Evolving(space, recipe)


strategy = EvolutionStrategy()
