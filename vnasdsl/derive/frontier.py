"""Ways to make choices of which none is beaten in both cost and probability: what is needed to know the best `count`
within every budget.

A way is left out where `count` others are at least as probable and cost no more: whatever is added to it, they stay
ahead with the same added to them. (Nemhauser and Ullmann 1969 list the ways of a knapsack like this, for one best.)

Costs are whole numbers. So are logarithms of probabilities, in units of 2^-40: their sums are exact, so ties are ties
in whatever order factors are multiplied. Of equally probable ways the cheaper is first, then the one first in the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

Whole = NDArray[numpy.int64]

UNIT = 2.0**-40
_MOST_AT_ONCE = 1 << 20
"""Pairs of ways that are looked at together, which bounds the memory."""


@dataclass(frozen=True, eq=False)
class Frontier:
    """Ways in the order of the file; where each comes from is kept, to read its choices off at the end."""

    cost: Whole
    score: Whole
    """Logarithm of the probability in `UNIT`s."""
    parts: tuple[Frontier, ...] = ()
    origin: tuple[Whole, Whole] | None = None
    """Of two parts in sequence the way in each; of alternatives which part it is, and the way in it."""
    alternatives: bool = False
    made: Any = None
    """What a single way without parts chooses."""

    def __len__(self) -> int:
        return len(self.cost)

    def moved(self, cost: int, probability: float) -> Frontier:
        """The same ways, each with something added."""
        if probability <= 0.0:
            return NO_WAY
        where = numpy.arange(len(self))
        return Frontier(self.cost + cost, self.score + _whole_log(probability), (self,), (where * 0, where), True)

    def choices(self, index: int) -> Iterator[Any]:
        """What one of the ways chooses, in the order of the file."""
        waiting = [(self, index)]
        while waiting:
            here, at = waiting.pop()
            if here.origin is None:
                if here.made is not None:
                    yield here.made
                continue
            first, second = int(here.origin[0][at]), int(here.origin[1][at])
            if here.alternatives:
                waiting.append((here.parts[first], second))
            else:
                waiting += ((here.parts[1], second), (here.parts[0], first))

    def ranked(self, count: int, limit: int | None) -> list[int]:
        """The most probable `count` ways within a limit, best first."""
        order = numpy.lexsort((self.cost, -self.score))
        if limit is not None:
            order = order[self.cost[order] <= limit]
        return [int(index) for index in order[:count]]


NO_WAY = Frontier(numpy.zeros(0, numpy.int64), numpy.zeros(0, numpy.int64))


def single(cost: int = 0, probability: float = 1.0, made: Any = None) -> Frontier:
    """One way, or none where it is impossible."""
    if probability <= 0.0:
        return NO_WAY
    return Frontier(numpy.array([cost]), numpy.array([_whole_log(probability)]), made=made)


def either(parts: Sequence[Frontier], count: int) -> Frontier:
    """The ways of all parts, which stand in the order of the file."""
    cost = numpy.concatenate([part.cost for part in parts])
    score = numpy.concatenate([part.score for part in parts])
    which = numpy.repeat(numpy.arange(len(parts)), [len(part) for part in parts])
    where = numpy.concatenate([numpy.arange(len(part)) for part in parts])
    kept = best(cost, score, count)
    return Frontier(cost[kept], score[kept], tuple(parts), (which[kept], where[kept]), True)


def both(first: Frontier, second: Frontier, count: int) -> Frontier:
    """A way of the first, then one of the second."""
    if first.origin is None and first.made is None and len(first) == 1:
        return Frontier(second.cost + first.cost, second.score + first.score, *_source(second))
    cost = score = a = b = numpy.zeros(0, numpy.int64)
    rows = max(1, _MOST_AT_ONCE // max(1, len(second)))
    for start in range(0, len(first), rows):
        here = slice(start, start + rows)
        i = numpy.repeat(numpy.arange(len(first))[here], len(second))
        j = numpy.tile(numpy.arange(len(second)), len(first.cost[here]))
        a, b = numpy.concatenate([a, i]), numpy.concatenate([b, j])
        cost = numpy.concatenate([cost, first.cost[i] + second.cost[j]])
        score = numpy.concatenate([score, first.score[i] + second.score[j]])
        kept = best(cost, score, count)
        cost, score, a, b = cost[kept], score[kept], a[kept], b[kept]
    return Frontier(cost, score, (first, second), (a, b))


def best(cost: Whole, score: Whole, count: int) -> Whole:
    """The places of those with fewer than `count` others at least as good in both; of equals the first are better."""
    order = numpy.lexsort((-score, cost))  # stable: equals stay in the order of the file
    ahead = numpy.iinfo(numpy.int64).min
    sorted_score = carried = score[order]
    for _ in range(count):  # the largest score before each, then the second largest, and so on
        largest = numpy.maximum.accumulate(carried)
        before = numpy.concatenate([[ahead], largest[:-1]])
        carried = numpy.minimum(carried, before)
    return numpy.sort(order[sorted_score > before])


def _source(part: Frontier) -> tuple[Any, ...]:
    return part.parts, part.origin, part.alternatives, part.made


def _whole_log(probability: float) -> int:
    return round(math.log(probability) / UNIT)
