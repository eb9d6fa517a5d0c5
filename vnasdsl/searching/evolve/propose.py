"""What to try next: networks drawn at random, or children of a population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from vnasdsl.elaborate import Space
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.mutation import edge_limits, edges_text, guide_edges, mutate
from vnasdsl.space.elements import picked
from vnasdsl.train.recipe_parts import MUTATIONS, Edges
from vnasdsl.train.recipes import EvolutionRecipe

_MISSES = 5
"""After so many misses a child gets one mutation more."""


@dataclass(frozen=True)
class Proposal:
    """A network to be tried: its choices, complete and in the order of the file, and where they come from."""

    choices: dict[str, str]
    parents: tuple[int, ...] = ()
    mutations: tuple[str, ...] = ()


class Proposer:
    """Decides on the next network, from records in their order alone. This one draws every network choice by choice."""

    def __init__(self, space: Space):
        self.space = space

    def ready(self, waiting: int) -> bool:
        """Whether it can propose now. waiting: networks that are being trained."""
        return True

    def propose(self, waiting: int, misses: int, random: Random) -> Proposal:
        """misses: proposals in a row that were not trained. Raises: UserError, VnsError where choices contradict each
        other."""
        return Proposal(self.space.complete({}, random))

    def learn(self, record: Record) -> None:
        """Take a trained network into account."""

    def needed(self) -> set[int]:
        """The trials whose weights it will start others from."""
        return set()


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


def child(
    space: Space, population: Population, recipe: EvolutionRecipe, trained: int, random: Random, misses: int = 0
) -> Proposal:
    """A child of a member of the population. trained: networks tried before it; misses: children in a row that were
    known or broke a limit. Where they are many, all near the parents was tried, and the next one goes farther."""
    parent = population.parent(random)
    parents, made, texts = [parent.id], dict(parent.choices), []
    if recipe.crossover and random.random() < recipe.crossover:
        other = population.parent(random)
        if other.id != parent.id:
            parents.append(other.id)
            made = settle(space, _crossed(parent, other, random), random)
            texts.append("crossover")
    if isinstance(recipe.guide, Edges) and random.random() < recipe.guide.share:
        guided = guide_edges(space.decisions(made), parent.edges, recipe.guide.power, random)
        if guided is not None:
            made, texts = settle(space, guided.choices, random), [*texts, guided.text]
    weights = {kind: getattr(recipe.mutations, kind) for kind in MUTATIONS}
    for _ in range(mutations_of_round(recipe.strength, recipe.cooling, trained) + misses // _MISSES):
        mutated = mutate(space.decisions(made), weights, random)
        if mutated is not None:
            made, texts = settle(space, mutated.choices, random), [*texts, mutated.text]
    return Proposal(made, tuple(parents), tuple(texts))


def mutations_of_round(strength: float, cooling: float, trained: int) -> int:
    """max(1, strength - round / cooling), rounded to the nearest number, halves up."""
    return max(1, int(strength - trained / cooling + 0.5))


def settle(space: Space, made: Mapping[str, str], random: Random) -> dict[str, str]:
    """The choices of a network: as given wherever possible, the rest drawn.

    A choice of edges keeps the edges that still exist: the shortest list of changes, not a new draw.
    """
    done: set[str] = set()
    wanted = dict(made)
    while True:
        complete = space.complete(wanted, random)
        edges = [d for d in space.decisions(complete) if d.form == "edges" and d.name in wanted and d.name not in done]
        broken = next((decision for decision in edges if decision.value != wanted[decision.name]), None)
        if broken is None:
            return complete
        done.add(broken.name)
        keep = [edge for edge in picked(wanted[broken.name]) if edge in broken.options]
        least, most = edge_limits(broken)
        while len(keep) > most:
            keep.remove(random.choice(keep))
        while len(keep) < least:
            keep.append(random.choice([option for option in broken.options if option not in keep]))
        # What was drawn stays drawn; edges not looked at yet are still wanted as they were.
        waiting = {decision.name: wanted[decision.name] for decision in edges}
        wanted = {**complete, **waiting, broken.name: edges_text(broken, keep)}


def _crossed(one: Record, other: Record, random: Random) -> dict[str, str]:
    """Each choice from one of the two at random; choices that only one of them has are kept."""
    return {
        name: other.choices[name] if name in other.choices and random.random() < 0.5 else value
        for name, value in one.choices.items()
    } | {name: value for name, value in other.choices.items() if name not in one.choices}
