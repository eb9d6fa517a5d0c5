"""Who may become a parent: a tournament for the parents, and room made for every child."""

from __future__ import annotations

from random import Random

from vnasdsl.search.evolve.history import Record


class Population:
    """At most `size` trained networks. With `aging` the oldest leaves (Real et al. 2019), else the worst."""

    def __init__(self, size: int, sample: int, aging: bool):
        self.size = size
        self.sample = sample
        self.aging = aging
        self.members: list[Record] = []
        """Oldest first."""

    def add(self, member: Record) -> None:
        self.members.append(member)
        if len(self.members) > self.size:  # of equally bad ones the oldest leaves
            worst = 0 if self.aging else min(range(len(self.members)), key=lambda i: _fitness(self.members[i]))
            del self.members[worst]

    def parent(self, random: Random) -> Record:
        """The best of `sample` members drawn without repetition; the first drawn among equals."""
        return max(random.sample(self.members, min(self.sample, len(self.members))), key=_fitness)


def _fitness(record: Record) -> float:
    assert record.fitness is not None
    return record.fitness
