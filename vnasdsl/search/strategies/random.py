"""Random search: networks drawn choice by choice, trained and limited as the children of evolution are."""

from __future__ import annotations

from random import Random

from vnasdsl.elaborate import Space
from vnasdsl.search.evolve.engine import Proposer
from vnasdsl.search.evolve.propose import Proposal, draw
from vnasdsl.search.evolve.strategy import TrialStrategy
from vnasdsl.search.task import SearchTask


class _Drawing(Proposer):
    def __init__(self, space: Space):
        self.space = space

    def ready(self, waiting: int) -> bool:
        return True

    def propose(self, waiting: int, random: Random) -> Proposal:
        return draw(self.space, random)


class RandomStrategy(TrialStrategy):
    """What evolution is compared with, under the same budget."""

    name = "random"
    takes = "every choice"

    def proposer(self, task: SearchTask) -> Proposer:
        return _Drawing(task.space)


strategy = RandomStrategy()
