"""Evolution: children of the best networks so far, a few mutations away, each trained on its own (Real et al. 2019)."""

from __future__ import annotations

from random import Random

from vnasdsl.elaborate import Space
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.propose import Population, Proposal, Proposer, child
from vnasdsl.searching.evolve.strategy import TrialStrategy
from vnasdsl.train.recipes import EvolutionRecipe


class _Evolving(Proposer):
    """The first `population` networks are drawn, all others are children of trained ones."""

    def __init__(self, space: Space, recipe: EvolutionRecipe):
        super().__init__(space)
        self.recipe = recipe
        self.population = Population(recipe.population, recipe.sample, recipe.aging)
        self.trained = 0

    def ready(self, waiting: int) -> bool:
        return self._drawing(waiting) or bool(self.population.members)

    def propose(self, waiting: int, misses: int, random: Random) -> Proposal:
        if self._drawing(waiting):
            return super().propose(waiting, misses, random)
        return child(self.space, self.population, self.recipe, self.trained + waiting, random, misses)

    def _drawing(self, waiting: int) -> bool:
        return self.trained + waiting < self.recipe.population

    def learn(self, record: Record) -> None:
        self.trained += 1
        self.population.add(record)

    def needed(self) -> set[int]:
        return {member.id for member in self.population.members} if self.recipe.inherit else set()


class EvolutionStrategy(TrialStrategy):
    """Mutations follow from the kinds of choice, so it works in every space."""

    name = "evolution"

    def proposer(self, space: Space, recipe: EvolutionRecipe) -> Proposer:
        return _Evolving(space, recipe)


strategy = EvolutionStrategy()
