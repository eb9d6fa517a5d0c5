"""Evolution: children of the best, one mutation or more away from them, each trained on its own (Real et al. 2019)."""

from __future__ import annotations

from random import Random

from vnasdsl.search.evolve.engine import Proposer
from vnasdsl.search.evolve.history import Record
from vnasdsl.search.evolve.population import Member, Population
from vnasdsl.search.evolve.propose import Proposal, child, draw
from vnasdsl.search.evolve.strategy import TrialStrategy
from vnasdsl.search.task import SearchTask


class _Evolving(Proposer):
    """The first `population` networks are drawn, all others are children of those that are trained."""

    def __init__(self, task: SearchTask):
        self.space, self.recipe = task.space, task.recipe
        self.population = Population(task.recipe.population, task.recipe.sample, task.recipe.aging)
        self.trained = 0

    def ready(self, waiting: int) -> bool:
        return self._drawing(waiting) or bool(self.population.members)

    def propose(self, waiting: int, random: Random) -> Proposal:
        if self._drawing(waiting):
            return draw(self.space, random)
        return child(self.space, self.population, self.recipe, self.trained + waiting, random)

    def _drawing(self, waiting: int) -> bool:
        return self.trained + waiting < self.recipe.population

    def learn(self, record: Record) -> None:
        assert record.fitness is not None
        self.trained += 1
        self.population.add(Member(record.id, record.choices, record.fitness, record.edges))

    def needed(self) -> set[int]:
        return {member.id for member in self.population.members} if self.recipe.inherit else set()


class EvolutionStrategy(TrialStrategy):
    """Mutations follow from the kinds of choice, so it takes every space."""

    name = "evolution"
    takes = "every choice"

    def proposer(self, task: SearchTask) -> Proposer:
        return _Evolving(task)


strategy = EvolutionStrategy()
