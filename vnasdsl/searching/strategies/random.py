"""Random search: networks drawn choice by choice, trained and limited as the children of evolution are."""

from __future__ import annotations

from vnasdsl.elaborate import Space
from vnasdsl.searching.evolve.propose import Proposer
from vnasdsl.searching.evolve.strategy import TrialStrategy
from vnasdsl.train.recipes import RandomRecipe


class RandomStrategy(TrialStrategy):
    """The baseline for evolution, under the same budget."""

    name = "random"

    def proposer(self, space: Space, recipe: RandomRecipe) -> Proposer:
        return Proposer(space)


strategy = RandomStrategy()
