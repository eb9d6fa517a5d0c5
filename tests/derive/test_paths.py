"""Viterbi and the greedy path against brute force and by hand."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnasdsl.derive.decode import argmax, greedy, log, path_log_probability, viterbi


def logs(weights: list[list[list[float]]]) -> list[list[list[float]]]:
    return [[[log(value) for value in row] for row in matrix] for matrix in weights]


def exact_product(weights: list[list[list[int]]], path: tuple[int, ...]) -> int:
    product, previous = 1, 0
    for matrix, state in zip(weights, path, strict=True):
        product *= matrix[previous][state]
        previous = state
    return product


@st.composite
def trellises(draw: st.DrawFn, entry: st.SearchStrategy[int]) -> list[list[list[int]]]:
    widths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    rows, matrices = 1, []
    for width in widths:
        matrices.append([[draw(entry) for _ in range(width)] for _ in range(rows)])
        rows = width
    return matrices


def all_paths(weights: list[list[list[int]]]) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(len(matrix[0])) for matrix in weights)))


@given(trellises(st.integers(0, 9)))
def test_viterbi_finds_the_best_of_all_paths(weights: list[list[list[int]]]) -> None:
    path, log_probability = viterbi(logs(weights))
    best = max(exact_product(weights, other) for other in all_paths(weights))
    assert exact_product(weights, path) == best
    assert log_probability == (pytest.approx(math.log(best), abs=1e-9) if best else -math.inf)


@given(trellises(st.sampled_from([0, 1])))
def test_of_equal_paths_the_first_in_lexical_order(weights: list[list[list[int]]]) -> None:
    best = max(exact_product(weights, other) for other in all_paths(weights))
    first = next(other for other in all_paths(weights) if exact_product(weights, other) == best)
    assert viterbi(logs(weights))[0] == first


@given(trellises(st.integers(1, 9)))
def test_viterbi_with_normalised_rows_is_never_worse_than_greedy(weights: list[list[list[int]]]) -> None:
    rows = [[[value / sum(row) for value in row] for row in matrix] for matrix in weights]
    best, greedy_one = viterbi(logs(rows)), greedy(logs(rows))
    assert best[1] >= greedy_one[1] - 1e-12
    assert best[1] <= 0.0
    exact = [[[Fraction(value, sum(row)) for value in row] for row in matrix] for matrix in weights]
    assert exact_product(exact, best[0]) == max(exact_product(exact, path) for path in all_paths(weights))  # type: ignore[arg-type]


def test_greedy_is_caught_by_a_good_first_step() -> None:
    # 0.6 looks better than 0.4, but behind it three equal ways wait: 0.6 / 3 < 0.4 * 1.
    weights = [[[0.6, 0.4]], [[1 / 3, 1 / 3, 1 / 3], [0.0, 0.0, 1.0]]]
    assert greedy(logs(weights)) == ((0, 0), pytest.approx(math.log(0.2)))
    assert viterbi(logs(weights)) == ((1, 2), pytest.approx(math.log(0.4)))


@given(trellises(st.integers(1, 9)))
def test_argmax_takes_the_states_that_most_paths_reach(weights: list[list[list[int]]]) -> None:
    exact = [[[Fraction(value, sum(row)) for value in row] for row in matrix] for matrix in weights]
    rows = [[[float(value) for value in row] for row in matrix] for matrix in exact]
    path, log_probability = argmax(logs(rows))
    assert log_probability == path_log_probability(logs(rows), path)
    for stage, state in enumerate(path):
        reached = [Fraction(0)] * len(weights[stage][0])
        for other in all_paths(weights):
            reached[other[stage]] += exact_product(exact, other)  # type: ignore[arg-type]
        assert float(reached[state]) == pytest.approx(float(max(reached)), rel=1e-12)


def test_a_thousand_stages_do_not_underflow() -> None:
    step = [[0.001, 0.999], [0.3, 0.7]]
    weights = [[[0.5, 0.5]], *[step] * 999]
    path, log_probability = viterbi(logs(weights))
    # Leaving state 0 costs next to nothing, once; staying in 1 beats going round by 0: 0.7 * 0.7 > 0.3 * 0.999.
    assert path == (0, *[1] * 999)
    assert log_probability == pytest.approx(math.log(0.5) + math.log(0.999) + 998 * math.log(0.7), rel=1e-12)
    assert math.exp(log_probability) > 0.0
    rare = [[[1e-300]]] * 1000
    assert viterbi(logs(rare)) == (tuple([0] * 1000), pytest.approx(1000 * math.log(1e-300)))


def test_impossible_edges_are_avoided() -> None:
    weights = [[[0.9, 0.1]], [[0.0, 0.0], [0.5, 0.5]]]
    assert viterbi(logs(weights))[0] == (1, 0)
    assert greedy(logs(weights)) == ((0, 0), -math.inf)


def test_no_possible_path() -> None:
    assert viterbi(logs([[[0.0, 0.0]], [[1.0], [1.0]]])) == ((0, 0), -math.inf)


def test_no_stages() -> None:
    assert viterbi([]) == ((), 0.0)


@pytest.mark.parametrize(
    "matrices",
    [
        [[[0.0, 0.0]], [[0.0]]],  # one row for two states
        [[[0.0], [0.0]]],  # two rows for the start
        [[[0.0, 0.0]], [[0.0], [0.0, 0.0]]],  # ragged
        [[[]]],
        [[]],
    ],
)
def test_matrices_that_do_not_fit(matrices: list[list[list[float]]]) -> None:
    with pytest.raises(ValueError, match="rows of one length"):
        viterbi(matrices)
    with pytest.raises(ValueError, match="rows of one length"):
        greedy(matrices)


def test_log_probability_of_a_given_path() -> None:
    weights = logs([[[0.5, 0.5]], [[0.25, 0.75], [1.0, 0.0]]])
    assert path_log_probability(weights, (0, 1)) == pytest.approx(math.log(0.375))
    assert path_log_probability(weights, (1, 1)) == -math.inf
