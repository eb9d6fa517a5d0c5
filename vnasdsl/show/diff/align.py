"""Which lines of two lists belong together: equal ones first, as many as can be in order; then similar ones between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

LONGEST_EDIT = 1_000
"""Insertions and removals up to which the best alignment is looked for; past it the rest counts as replaced."""
LARGEST_GAP = 250_000
"""Pairs of lines between two equal ones that are all tried for similarity; past it lines are paired in order."""
SIMILAR = 0.5

Pair = tuple[int | None, int | None]


def align(
    n: int, m: int, equal: Callable[[int, int], bool], similarity: Callable[[int, int], float]
) -> list[tuple[Pair, bool]]:
    """Pairs of places in order, each with whether the two are equal; None where one side has nothing.

    A pair that is not equal has a similarity (0 to 1) of at least SIMILAR.
    """
    found: list[tuple[Pair, bool]] = []
    i = j = 0
    for a, b in [*common(n, m, equal), (n, m)]:
        found += [(pair, False) for pair in pair_similar(range(i, a), range(j, b), similarity)]
        if a < n and b < m:
            found.append(((a, b), True))
        i, j = a + 1, b + 1
    return found


def common(n: int, m: int, equal: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    """A longest common subsequence (Myers 1986, greedy), in time of the length times the number of differences."""
    start = 0
    while start < min(n, m) and equal(start, start):
        start += 1
    end = 0
    while end < min(n, m) - start and equal(n - 1 - end, m - 1 - end):
        end += 1
    head = [(i, i) for i in range(start)]
    tail = [(n - k, m - k) for k in range(end, 0, -1)]
    width, height = n - start - end, m - start - end
    if not width or not height:
        return [*head, *tail]
    middle = _myers(width, height, lambda i, j: equal(start + i, start + j))
    return [*head, *((start + i, start + j) for i, j in middle), *tail]


def _myers(n: int, m: int, equal: Callable[[int, int], bool]) -> list[tuple[int, int]]:
    furthest = {1: 0}
    trail: list[dict[int, int]] = []
    for edits in range(min(n + m, LONGEST_EDIT) + 1):
        trail.append(dict(furthest))
        for k in range(-edits, edits + 1, 2):
            down = k == -edits or (k != edits and furthest.get(k - 1, -1) < furthest.get(k + 1, -1))
            x = furthest[k + 1] if down else furthest[k - 1] + 1
            y = x - k
            while 0 <= x < n and 0 <= y < m and equal(x, y):
                x, y = x + 1, y + 1
            furthest[k] = x
            if x >= n and y >= m:
                return list(reversed(list(_back(trail, n, m))))
    return []


def _back(trail: list[dict[int, int]], x: int, y: int) -> Iterator[tuple[int, int]]:
    """The equal pairs on the way that was found, last first."""
    for edits in range(len(trail) - 1, -1, -1):
        furthest, k = trail[edits], x - y
        down = k == -edits or (k != edits and furthest.get(k - 1, -1) < furthest.get(k + 1, -1))
        previous = k + 1 if down else k - 1
        before_x = furthest[previous] if edits else 0
        before_y = before_x - previous if edits else 0
        while x > before_x and y > before_y:
            x, y = x - 1, y - 1
            yield x, y
        x, y = before_x, before_y


def pair_similar(left: range, right: range, similarity: Callable[[int, int], float]) -> list[Pair]:
    """The pairing in order with the greatest sum of similarities; what is not similar enough stands alone."""
    n, m = len(left), len(right)
    if not n or not m:
        return [*((i, None) for i in left), *((None, j) for j in right)]
    if n * m > LARGEST_GAP:
        paired = [_pair(left[k], right[k], similarity) for k in range(min(n, m))]
        rest: list[Pair] = [*((i, None) for i in left[m:]), *((None, j) for j in right[n:])]
        return [pair for pairs in paired for pair in pairs] + rest
    best = [[0.0] * (m + 1) for _ in range(n + 1)]
    scores = [[similarity(i, j) for j in right] for i in left]
    for a in range(n - 1, -1, -1):
        for b in range(m - 1, -1, -1):
            together = scores[a][b] + best[a + 1][b + 1] if scores[a][b] >= SIMILAR else -1.0
            best[a][b] = max(together, best[a + 1][b], best[a][b + 1])
    found: list[Pair] = []
    a = b = 0
    while a < n and b < m:
        if scores[a][b] >= SIMILAR and best[a][b] == scores[a][b] + best[a + 1][b + 1]:
            found.append((left[a], right[b]))
            a, b = a + 1, b + 1
        elif best[a][b] == best[a + 1][b]:
            found.append((left[a], None))
            a += 1
        else:
            found.append((None, right[b]))
            b += 1
    return [*found, *((i, None) for i in left[a:]), *((None, j) for j in right[b:])]


def _pair(i: int, j: int, similarity: Callable[[int, int], float]) -> list[Pair]:
    return [(i, j)] if similarity(i, j) >= SIMILAR else [(i, None), (None, j)]
