"""Tournaments, and who makes room."""

from __future__ import annotations

from random import Random

from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.propose import Population, mutations_of_round


def filled(size: int, sample: int, aging: bool, fitness: list[float]) -> Population:
    population = Population(size, sample, aging)
    for number, value in enumerate(fitness):
        population.add(Record(number, "trained", (), (), {}, fitness=value))
    return population


def ids(population: Population) -> list[int]:
    return [member.id for member in population.members]


def test_with_aging_the_oldest_makes_room_even_if_it_is_the_best() -> None:
    assert ids(filled(3, 1, True, [0.9, 0.1, 0.5, 0.2])) == [1, 2, 3]


def test_without_aging_the_worst_makes_room_the_oldest_of_equals() -> None:
    assert ids(filled(3, 1, False, [0.9, 0.1, 0.5, 0.2])) == [0, 2, 3]
    assert ids(filled(3, 1, False, [0.9, 0.5, 0.5, 0.5])) == [0, 2, 3]
    assert ids(filled(3, 1, False, [0.9, 0.5, 0.5, 0.1])) == [0, 1, 2]


def test_a_parent_is_the_best_of_its_tournament() -> None:
    population = filled(5, 2, True, [0.1, 0.2, 0.3, 0.4, 0.5])
    wins = [0] * 5
    for seed in range(5000):
        wins[population.parent(Random(seed)).id] += 1
    # Of 10 pairs, number i is the better one in i.
    assert wins[0] == 0
    for number in range(1, 5):
        assert abs(wins[number] / 5000 - number / 10) < 0.03


def test_a_tournament_of_all_is_won_by_the_best() -> None:
    population = filled(3, 9, True, [0.1, 0.3, 0.2])
    assert {population.parent(Random(seed)).id for seed in range(20)} == {1}


def test_mutations_of_a_child_grow_fewer() -> None:
    """max(1, d - round/m), rounded."""
    assert [mutations_of_round(3.0, 20.0, trained) for trained in (0, 9, 11, 29, 31, 50, 1000)] == [3, 3, 2, 2, 1, 1, 1]
    assert {mutations_of_round(1.0, 20.0, trained) for trained in range(100)} == {1}
