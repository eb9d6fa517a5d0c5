"""Paths through a trellis, in log space: the most probable one (Viterbi) and the greedy one, for comparison.

A trellis is a list of matrices of log probabilities: `log_probs[s][i][j]` is that of going from state i of stage
s - 1 to state j of stage s; the first matrix has one row. Zero probability is `-inf`. Logarithms keep long chains from
underflowing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Matrix = Sequence[Sequence[float]]

IMPOSSIBLE = -math.inf


def log(probability: float) -> float:
    """Natural logarithm, `-inf` for zero."""
    return math.log(probability) if probability > 0.0 else IMPOSSIBLE


def first_max(values: Sequence[float]) -> int:
    """Index of the largest value, the first of several."""
    return max(range(len(values)), key=values.__getitem__)


def largest(values: Sequence[float], count: int) -> list[int]:
    """Indices of the `count` largest values in their order, the first of equal ones."""
    return sorted(sorted(range(len(values)), key=lambda i: (-values[i], i))[:count])


def viterbi(log_probs: Sequence[Matrix]) -> tuple[tuple[int, ...], float]:
    """The most probable path (a state index per stage) and the natural logarithm of its probability.

    Of paths equally probable it is the first in lexical order; where no path is possible, all zeros with `-inf`.
    Works from the last stage back, so that the path can be read off forwards: time is the number of edges.

    Raises: ValueError when the matrices do not fit together.
    """
    check_shapes(log_probs)
    best_to_end = [0.0] * len(log_probs[-1][0]) if log_probs else []
    next_states: list[list[int]] = []
    for matrix in reversed(log_probs):
        reached = [[edge + rest for edge, rest in zip(row, best_to_end, strict=True)] for row in matrix]
        next_states.append([first_max(row) for row in reached])
        best_to_end = [max(row) for row in reached]
    if IMPOSSIBLE in best_to_end:  # one value is left here: that of the whole path
        return (0,) * len(log_probs), IMPOSSIBLE
    path: list[int] = []
    state = 0
    for successors in reversed(next_states):
        state = successors[state]
        path.append(state)
    return tuple(path), path_log_probability(log_probs, path)


def greedy(log_probs: Sequence[Matrix]) -> tuple[tuple[int, ...], float]:
    """The path that takes the most probable next state at every stage, and the logarithm of its probability.

    Raises: ValueError when the matrices do not fit together.
    """
    check_shapes(log_probs)
    path: list[int] = []
    state = 0
    for matrix in log_probs:
        state = first_max(matrix[state])
        path.append(state)
    return tuple(path), path_log_probability(log_probs, path)


def argmax(log_probs: Sequence[Matrix]) -> tuple[tuple[int, ...], float]:
    """At every stage the state that is most probable by itself, whatever path leads to it.

    Raises: ValueError when the matrices do not fit together.
    """
    check_shapes(log_probs)
    reached, path = [1.0], []
    for matrix in log_probs:
        rows = [[mass * math.exp(value) for value in row] for mass, row in zip(reached, matrix, strict=True)]
        reached = [math.fsum(column) for column in zip(*rows, strict=True)]
        path.append(first_max(reached))
    return tuple(path), path_log_probability(log_probs, path)


def path_log_probability(log_probs: Sequence[Matrix], path: Sequence[int]) -> float:
    """The natural logarithm of the probability of one path, summed without rounding between stages."""
    edges, previous = [], 0
    for matrix, state in zip(log_probs, path, strict=True):
        edges.append(matrix[previous][state])
        previous = state
    return math.fsum(edges)


def check_shapes(log_probs: Sequence[Matrix]) -> None:
    """Raise ValueError unless every matrix has a row per state of the stage before and rows of one length."""
    rows = 1
    for index, matrix in enumerate(log_probs):
        widths = {len(row) for row in matrix}
        if len(matrix) != rows or len(widths) != 1 or widths == {0}:
            raise ValueError(f"matrix {index} should have {rows} rows of one length, at least 1")
        rows = widths.pop()
