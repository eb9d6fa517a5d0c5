"""Which lines of two lists belong together: as many equal lines as possible, then similar ones between them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TypeVar

MOST_PAIRS = 10_000
"""Pairs of lines that are all compared with each other. Longer lists are first cut at their equal lines."""
LEAST_SIMILARITY = 0.5

T = TypeVar("T")
Pairs = list[tuple[T | None, T | None]]
Similarity = Callable[[T, T], float]


def align(left: Sequence[T], right: Sequence[T], key: Callable[[T], Hashable], similarity: Similarity[T]) -> Pairs[T]:
    """Every line of both lists once and in order; None where it has no partner.

    `similarity` is 1 for equal lines, and so is every pair of lines with the same key; partners have at least
    LEAST_SIMILARITY.
    """
    start = end = 0
    shorter = min(len(left), len(right))
    while start < shorter and similarity(left[start], right[start]) == 1:
        start += 1
    while end < shorter - start and similarity(left[-1 - end], right[-1 - end]) == 1:
        end += 1
    middle = _middle(left[start : len(left) - end], right[start : len(right) - end], key, similarity)
    after = zip(left[len(left) - end :], right[len(right) - end :], strict=True)
    return [*zip(left[:start], right[:start], strict=True), *middle, *after]


def _middle(left: Sequence[T], right: Sequence[T], key: Callable[[T], Hashable], similarity: Similarity[T]) -> Pairs[T]:
    if len(left) * len(right) <= MOST_PAIRS:
        return best_pairs(left, right, similarity)
    found: Pairs[T] = []
    i = j = 0
    for a, b, size in SequenceMatcher(None, [*map(key, left)], [*map(key, right)], False).get_matching_blocks():
        between = best_pairs(left[i:a], right[j:b], similarity)
        found += [*between, *zip(left[a : a + size], right[b : b + size], strict=True)]
        i, j = a + size, b + size
    return found


def best_pairs(left: Sequence[T], right: Sequence[T], similarity: Similarity[T]) -> Pairs[T]:
    """The pairs in order with the most equal lines and then the greatest sum of similarities."""
    n, m = len(left), len(right)
    if n * m > MOST_PAIRS:
        return _in_order(left, right, similarity)
    scores = [[_score(similarity(a, b)) for b in right] for a in left]
    best = [[0] * (m + 1) for _ in range(n + 1)]
    for i in reversed(range(n)):
        for j in reversed(range(m)):
            together = scores[i][j] + best[i + 1][j + 1] if scores[i][j] else 0
            best[i][j] = max(together, best[i + 1][j], best[i][j + 1])
    found: Pairs[T] = []
    i = j = 0
    while i < n and j < m:
        if scores[i][j] and best[i][j] == scores[i][j] + best[i + 1][j + 1]:
            found.append((left[i], right[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            found.append((left[i], None))
            i += 1
        else:
            found.append((None, right[j]))
            j += 1
    return [*found, *((a, None) for a in left[i:]), *((None, b) for b in right[j:])]


def _in_order(left: Sequence[T], right: Sequence[T], similarity: Similarity[T]) -> Pairs[T]:
    found: Pairs[T] = []
    for a, b in zip_longest(left, right):
        similar = a is None or b is None or _score(similarity(a, b))
        found += [(a, b)] if similar else [(a, None), (None, b)]
    return found


def _score(similarity: float) -> int:
    """An equal pair counts more than all similar pairs together."""
    if similarity == 1:
        return 10**6
    return round(1000 * similarity) if similarity >= LEAST_SIMILARITY else 0
