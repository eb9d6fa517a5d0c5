"""Alignment of lines: as many equal ones as can be, and similar ones between them."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnasdsl.show.diff import align as module
from vnasdsl.show.diff.align import align, best_pairs, common

words = st.lists(st.sampled_from("abc"), max_size=9)


def longest(a: str, b: str) -> int:
    @cache
    def best(i: int, j: int) -> int:
        if i == len(a) or j == len(b):
            return 0
        if a[i] == b[j]:
            return 1 + best(i + 1, j + 1)
        return max(best(i + 1, j), best(i, j + 1))

    return best(0, 0)


@given(words, words)
def test_common_is_a_longest_common_subsequence(a: list[str], b: list[str]) -> None:
    pairs = common(range(len(a)), range(len(b)), lambda i, j: a[i] == b[j])
    assert all(a[i] == b[j] for i, j in pairs)
    assert all(p[0] < q[0] and p[1] < q[1] for p, q in pairwise(pairs))
    assert len(pairs) == longest("".join(a), "".join(b))


@pytest.mark.parametrize("most_pairs", [module.MOST_PAIRS, 0])
@given(words, words)
def test_every_line_stands_once_and_in_order(most_pairs: int, a: list[str], b: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_PAIRS", most_pairs)
        found = align(len(a), len(b), lambda i, j: a[i] == b[j], lambda i, j: abs(ord(a[i]) - ord(b[j])) / 2)
    assert [i for (i, _), _ in found if i is not None] == list(range(len(a)))
    assert [j for (_, j), _ in found if j is not None] == list(range(len(b)))
    equal = [(i, j) for (i, j), same in found if same and i is not None and j is not None]
    assert all(a[i] == b[j] for i, j in equal)
    assert len(equal) == longest("".join(a), "".join(b))


def test_similar_lines_are_paired_for_the_greatest_sum() -> None:
    scores = {(0, 0): 600, (0, 1): 900, (1, 1): 600, (1, 0): 900}
    assert best_pairs(range(2), range(2), lambda i, j: scores[i, j]) == [(0, 0), (1, 1)]
    assert best_pairs(range(1), range(2), lambda i, j: scores[i, j]) == [(None, 0), (0, 1)]
    assert best_pairs(range(1), range(1), lambda i, j: 0) == [(0, None), (None, 0)]


def test_equal_lines_that_can_be_paired_in_several_ways_leave_the_most_similar() -> None:
    a, b = ["x1", "y", "x2"], ["y", "x3", "y"]
    found = align(3, 3, lambda i, j: a[i] == b[j], lambda i, j: 0.9 * (a[i][0] == b[j][0]))
    assert [pair for pair, same in found if None not in pair and not same] == [(2, 1)]


def test_far_apart_lists_are_still_aligned() -> None:
    found = align(3000, 3000, lambda i, j: False, lambda i, j: 1.0)
    assert [pair for pair, _ in found] == [(i, i) for i in range(3000)]
