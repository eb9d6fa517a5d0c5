"""Who may become a parent: a tournament for the parents, and room made for every child."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True)
class Member:
    """A trained network."""

    id: int
    choices: Mapping[str, str]
    fitness: float
    edges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Learned weights of the edges by the name of their choice, in the order of what was taken."""


class Population:
    """At most `size` members. With `aging` the oldest makes room (Real et al. 2019), else the worst."""

    def __init__(self, size: int, sample: int, aging: bool):
        self.size = size
        self.sample = sample
        self.aging = aging
        self.members: list[Member] = []
        """Oldest first."""

    def add(self, member: Member) -> None:
        self.members.append(member)
        if len(self.members) > self.size:
            # The oldest of the worst: what is new gets its chance.
            worst = 0 if self.aging else min(range(len(self.members)), key=lambda i: self.members[i].fitness)
            del self.members[worst]

    def parent(self, random: Random) -> Member:
        """The best of `sample` members drawn without repetition; the first drawn among equals."""
        drawn = random.sample(self.members, min(self.sample, len(self.members)))
        return max(drawn, key=lambda member: member.fitness)
