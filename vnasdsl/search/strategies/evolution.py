"""Evolution: children of the best networks so far, a few mutations away, each trained on its own (Real et al. 2019)."""

from __future__ import annotations

from random import Random

from vnasdsl.search.evolve.history import Record
from vnasdsl.search.evolve.propose import Population, Proposal, Proposer, child
from vnasdsl.search.evolve.strategy import TrialStrategy
from vnasdsl.search.task import SearchTask
from vnasdsl.train.recipes import EvolutionRecipe


class _Evolving(Proposer):
    """The first `population` networks are drawn, all others are children of trained ones."""

    def __init__(self, task: SearchTask[EvolutionRecipe]):
        super().__init__(task.space)
        self.recipe = task.recipe
        self.population = Population(task.recipe.population, task.recipe.sample, task.recipe.aging)
        self.trained = 0

    def ready(self, waiting: int) -> bool:
        return self._drawing(waiting) or bool(self.population.members)

    def propose(self, waiting: int, random: Random) -> Proposal:
        if self._drawing(waiting):
            return super().propose(waiting, random)
        return child(self.space, self.population, self.recipe, self.trained + waiting, random)

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

    def proposer(self, task: SearchTask[EvolutionRecipe]) -> Proposer:
        return _Evolving(task)


strategy = EvolutionStrategy()
