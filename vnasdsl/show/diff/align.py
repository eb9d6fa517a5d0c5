"""Which lines of two lists belong together: equal ones first, as many as can be in order; then similar ones between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

LONGEST_EDIT = 1_000
"""Insertions and removals up to which the best alignment is looked for; past it the rest counts as replaced."""
MOST_PAIRS = 10_000
"""Pairs of lines that are all weighed against each other; past it similar lines are looked for between equal ones
only, and past it there too lines are paired in order."""
SIMILAR = 0.5
EQUAL = 10**6
"""What an equal pair counts: more than all similar pairs (1000 times their similarity) together."""

Pair = tuple[int | None, int | None]
Compare = Callable[[int, int], bool]
Score = Callable[[int, int], int]


def align(n: int, m: int, equal: Compare, similarity: Callable[[int, int], float]) -> list[tuple[Pair, bool]]:
    """Pairs of places in order, each with whether the two are equal; None where one side has nothing.

    A pair that is not equal has a similarity (0 to 1) of at least SIMILAR.
    """

    def similar(i: int, j: int) -> int:
        score = similarity(i, j)
        return round(1000 * score) if score >= SIMILAR else 0

    def score(i: int, j: int) -> int:
        return EQUAL if equal(i, j) else similar(i, j)

    start, end = ends(n, m, equal)
    left, right = range(start, n - end), range(start, m - end)
    if len(left) * len(right) <= MOST_PAIRS:
        middle = best_pairs(left, right, score)
    else:
        middle = []
        i = j = start
        for a, b in [*common(left, right, equal), (n - end, m - end)]:
            middle += best_pairs(range(i, a), range(j, b), similar)
            if a < n - end:
                middle.append((a, b))
            i, j = a + 1, b + 1
    found = [((i, i), True) for i in range(start)]
    found += [((i, j), i is not None and j is not None and equal(i, j)) for i, j in middle]  # type: ignore[misc]
    found += [((n - k, m - k), True) for k in range(end, 0, -1)]
    return found  # type: ignore[return-value]


def ends(n: int, m: int, equal: Compare) -> tuple[int, int]:
    """How many lines are equal at the beginning, and how many of the others at the end."""
    start = end = 0
    while start < min(n, m) and equal(start, start):
        start += 1
    while end < min(n, m) - start and equal(n - 1 - end, m - 1 - end):
        end += 1
    return start, end


def common(left: range, right: range, equal: Compare) -> list[tuple[int, int]]:
    """A longest common subsequence (Myers 1986, greedy), in time of the length times the number of differences.

    Empty when there are more than LONGEST_EDIT of those.
    """
    n, m = len(left), len(right)
    furthest = {1: 0}
    trail: list[dict[int, int]] = []
    for edits in range(min(n + m, LONGEST_EDIT) + 1):
        trail.append(dict(furthest))
        for k in range(-edits, edits + 1, 2):
            x = furthest[k + 1] if _down(furthest, k, edits) else furthest[k - 1] + 1
            y = x - k
            while 0 <= x < n and 0 <= y < m and equal(left[x], right[y]):
                x, y = x + 1, y + 1
            furthest[k] = x
            if x >= n and y >= m:
                return [(left[x], right[y]) for x, y in reversed(list(_back(trail, n, m)))]
    return []


def _down(furthest: dict[int, int], k: int, edits: int) -> bool:
    """Whether the way to diagonal k comes from the one above it, by an insertion."""
    return k == -edits or (k != edits and furthest.get(k - 1, -1) < furthest.get(k + 1, -1))


def _back(trail: list[dict[int, int]], x: int, y: int) -> Iterator[tuple[int, int]]:
    """The equal pairs on the way that was found, last first."""
    for edits in range(len(trail) - 1, -1, -1):
        furthest, k = trail[edits], x - y
        previous = k + 1 if _down(furthest, k, edits) else k - 1
        before_x = furthest[previous] if edits else 0
        before_y = before_x - previous if edits else 0
        while x > before_x and y > before_y:
            x, y = x - 1, y - 1
            yield x, y
        x, y = before_x, before_y


def best_pairs(left: range, right: range, score: Score) -> list[Pair]:
    """The pairing in order with the greatest sum of scores; lines with no score for each other are not paired."""
    n, m = len(left), len(right)
    if n * m > MOST_PAIRS:
        return _in_order(left, right, score)
    scores = [[score(i, j) for j in right] for i in left]
    best = [[0] * (m + 1) for _ in range(n + 1)]
    for a in range(n - 1, -1, -1):
        for b in range(m - 1, -1, -1):
            together = scores[a][b] + best[a + 1][b + 1] if scores[a][b] else 0
            best[a][b] = max(together, best[a + 1][b], best[a][b + 1])
    found: list[Pair] = []
    a = b = 0
    while a < n and b < m:
        if scores[a][b] and best[a][b] == scores[a][b] + best[a + 1][b + 1]:
            found.append((left[a], right[b]))
            a, b = a + 1, b + 1
        elif best[a][b] == best[a + 1][b]:
            found.append((left[a], None))
            a += 1
        else:
            found.append((None, right[b]))
            b += 1
    return [*found, *((i, None) for i in left[a:]), *((None, j) for j in right[b:])]


def _in_order(left: range, right: range, score: Score) -> list[Pair]:
    found: list[Pair] = []
    for i, j in zip(left, right, strict=False):
        found += [(i, j)] if score(i, j) else [(i, None), (None, j)]
    return [*found, *((i, None) for i in left[len(right) :]), *((None, j) for j in right[len(left) :])]
