"""Random search: networks drawn choice by choice, trained and limited as the children of evolution are."""

from __future__ import annotations

from random import Random

from vnasdsl.elaborate import Space
from vnasdsl.search.evolve.engine import Proposer
from vnasdsl.search.evolve.history import Record
from vnasdsl.search.evolve.propose import Proposal, draw
from vnasdsl.search.evolve.strategy import TrialStrategy
from vnasdsl.search.task import SearchTask
from vnasdsl.train.recipes import RandomRecipe


class _Drawing:
    def __init__(self, space: Space):
        self.space = space

    def ready(self, waiting: int) -> bool:
        return True

    def propose(self, waiting: int, random: Random) -> Proposal:
        return draw(self.space, random)

    def learn(self, record: Record) -> None:
        """Nothing: draws do not depend on results."""

    def needed(self) -> set[int]:
        return set()


class RandomStrategy(TrialStrategy):
    """The baseline for evolution, under the same budget."""

    name = "random"

    def proposer(self, task: SearchTask[RandomRecipe]) -> Proposer:
        return _Drawing(task.space)


strategy = RandomStrategy()
