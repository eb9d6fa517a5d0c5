"""Children of real spaces: every one lies in its space, as the checker sees it."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from tests.support import ROOT
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.searching.evolve.bounds import Candidate
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.propose import Population, Proposer, child, settle
from vnasdsl.train.recipes import EvolutionRecipe

FILES = ("spaces/tiny.vns", "spaces/x3d3.vns", "tests/search/evolve/lists.vns")


def space_of(file: str) -> Space:
    return load(ROOT / file, Overrides(classes=3)).get()


def population_of(space: Space, number: int) -> Population:
    population = Population(number, 2, aging=True)
    for seed in range(number):
        random = Random(seed)
        population.add(
            Record(seed, "trained", (), (), Proposer(space).propose(0, 0, random).choices, fitness=random.random())
        )
    return population


@pytest.mark.parametrize("file", FILES)
def test_children_are_networks_of_their_space(file: str) -> None:
    space = space_of(file)
    recipe = EvolutionRecipe(strength=2.0, crossover=0.3)
    population = population_of(space, 4)
    kinds = set()
    for seed in range(8 if "x3d3" in file else 60):
        proposal = child(space, population, recipe, 0, Random(seed))
        assert proposal.parents and set(proposal.parents) <= {0, 1, 2, 3}
        network = space.network(proposal.choices)
        assert [d for d in network.check() if d.severity == "error"] == []  # its claim to the space among them
        assert network.graph.fingerprint == space.choose(proposal.choices).fingerprint
        kinds |= {text.split()[0] for text in proposal.mutations}
    if "lists" in file:
        assert kinds == {"resample", "step", "insert", "delete", "split", "merge", "crossover"}


def test_a_child_of_one_mutation_differs_in_one_thing() -> None:
    space = space_of("spaces/tiny.vns")
    population = population_of(space, 4)
    for seed in range(30):
        proposal = child(space, population, EvolutionRecipe(strength=1.0), 0, Random(seed))
        parent = population.members[proposal.parents[0]].choices
        assert len(proposal.mutations) == 1
        assert sum(parent[name] != value for name, value in proposal.choices.items()) == 1


def test_a_child_goes_farther_after_misses() -> None:
    space = space_of("spaces/tiny.vns")
    population = population_of(space, 4)
    for misses, mutations in ((4, 1), (5, 2), (17, 4)):
        assert len(child(space, population, EvolutionRecipe(), 0, Random(0), misses).mutations) == mutations


def test_crossover_takes_each_choice_from_either_parent() -> None:
    space = space_of("spaces/tiny.vns")
    population = population_of(space, 4)
    recipe = EvolutionRecipe(strength=1.0, crossover=1.0)
    crossed = 0
    for seed in range(40):
        proposal = child(space, population, recipe, 0, Random(seed))
        parents: list[Mapping[str, str]] = [population.members[number].choices for number in proposal.parents]
        new = [name for name, value in proposal.choices.items() if all(p[name] != value for p in parents)]
        assert len(new) <= 1  # the mutation
        crossed += len(parents) == 2
    assert crossed > 10


def test_equal_networks_have_equal_fingerprints() -> None:
    space = space_of("spaces/tiny.vns")
    for seed in range(10):
        choices = Proposer(space).propose(0, 0, Random(seed)).choices
        one = Candidate(space, choices)
        for name, value in choices.items():
            for other in next(c for c in space.choices if c.name == name).options:
                if other != value:
                    # Another order of layers and skips may be the same network: then it has the same text.
                    two = Candidate(space, {**choices, name: other})
                    assert (one.fingerprint == two.fingerprint) == (one.network.text() == two.network.text())


def test_settling_keeps_what_can_be_kept() -> None:
    space = space_of("tests/search/evolve/lists.vns")
    made = {"s2.stack.number": "2", "s2.stack[0].unit.channels": "8", "no.such": "1"}
    for seed in range(20):
        settled = settle(space, made, Random(seed))
        names = [decision.name for decision in space.decisions(settled)]
        assert list(settled) == names and "no.such" not in settled
        assert settled["s2.stack.number"] == "2"
        for name in names:
            if name in made:
                assert settled[name] == made[name]


def test_draws_are_all_values_alike() -> None:
    space = space_of("tests/search/evolve/lists.vns")
    counts = {"1": 0, "2": 0}
    for seed in range(400):
        counts[Proposer(space).propose(0, 0, Random(seed)).choices["s2.stack.number"]] += 1
    assert all(150 < number < 250 for number in counts.values())
