"""Alignment of lines: as many equal ones as can be, and similar ones between them."""

from __future__ import annotations

import time
from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnasdsl.show.diff import align as module
from vnasdsl.show.diff.align import align, best_pairs

words = st.text("abc", max_size=9)


def similarity(a: str, b: str) -> float:
    return 1 - abs(ord(a) - ord(b)) / 4


def longest(a: str, b: str) -> int:
    """The length of the longest common subsequence."""

    @cache
    def best(i: int, j: int) -> int:
        if i == len(a) or j == len(b):
            return 0
        if a[i] == b[j]:
            return 1 + best(i + 1, j + 1)
        return max(best(i + 1, j), best(i, j + 1))

    return best(0, 0)


@pytest.mark.parametrize("most_pairs", [module.MOST_PAIRS, 0])
@given(words, words)
def test_every_line_occurs_once_and_in_order(most_pairs: int, a: str, b: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_PAIRS", most_pairs)
        found = align(a, b, str, similarity)
    assert [i for i, _ in found if i is not None] == list(a)
    assert [j for _, j in found if j is not None] == list(b)
    if most_pairs:
        assert sum(i == j for i, j in found) == longest(a, b)


def test_similar_lines_are_paired_for_the_greatest_sum() -> None:
    scores = {"ac": 0.6, "ad": 0.9, "bd": 0.6, "bc": 0.9}
    assert best_pairs("ab", "cd", lambda i, j: scores[i + j]) == [("a", "c"), ("b", "d")]
    assert best_pairs("a", "cd", lambda i, j: scores[i + j]) == [(None, "c"), ("a", "d")]
    assert best_pairs("a", "b", lambda i, j: 0) == [("a", None), (None, "b")]


def test_equal_lines_that_can_be_paired_in_several_ways_leave_the_most_similar() -> None:
    found = align(["x1", "y", "x2"], ["y", "x3", "y"], str, lambda a, b: 1.0 if a == b else 0.9 * (a[0] == b[0]))
    assert [pair for pair in found if None not in pair and pair[0] != pair[1]] == [("x2", "x3")]


def test_long_lists_take_seconds() -> None:
    random = Random(0)
    left, right = (["".join(random.choices("abc", k=1)) for _ in range(3000)] for _ in range(2))
    changed = [*left[:100], "d", *left[100:2000], *left[2010:]]
    start = time.process_time()
    assert align(range(3000), range(3000, 6000), str, lambda a, b: 0.9) == [(i, i + 3000) for i in range(3000)]
    assert sum(a == b for a, b in align(left, changed, str, similarity)) == 2990
    assert len(align(left, right, str, similarity)) >= 3000
    assert time.process_time() - start < 20
