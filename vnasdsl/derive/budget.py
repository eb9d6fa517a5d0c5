"""The most probable networks within a budget: widths and operations decided together, exactly.

The probability of a network is the product of the path weights along its path and of the weights of its options in the
mixtures of the states on it. From the last stage back, every state keeps the ways of which none is beaten in both cost
and probability (see `frontier`), so one pass gives the best networks within every budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, Literal, TypeAlias

import numpy
from numpy.typing import NDArray

from vnasdsl.derive.decode import Matrix, check_weights, log_probabilities, total
from vnasdsl.elaborate.space import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.plan import Head, PlanState
from vnasdsl.relax.trellis import State, Trellis, holds, trellis, within_part
from vnasdsl.space.elements import Element, Group, LayerCall, Segment, join
from vnasdsl.space.parts import children
from vnasdsl.space.ways import Around, Both, Either, Layers, Repeated, Taken, Tied, Unsure, Ways, Within

# ---------------------------------------------------------------------------- frontiers
# Ways to make choices of which none is beaten in both cost and probability: what is needed to know the best `count`
# within every budget.
#
# A way is left out where `count` others are at least as probable and cost no more: whatever is added to it, they stay
# ahead with the same added to them. (Nemhauser and Ullmann 1969 list the ways of a knapsack like this, for one best.)
#
# Costs are whole numbers. So are logarithms of probabilities, in units of 2^-40: their sums are exact, so ties are
# ties in whatever order factors are multiplied. Of equally probable ways the cheaper is first, then the one first in
# the file.

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


Measure: TypeAlias = Literal["macs", "params"]
UNITS: dict[Measure, str] = {"macs": "MACs", "params": "parameters"}


@dataclass(frozen=True)
class Probable:
    """A network and how probable it is."""

    choices: dict[str, str]
    path: tuple[int, ...]
    """Index of its state in every stage."""
    labels: tuple[str, ...]
    """Label of its state in every stage."""
    log_probability: float
    """Natural logarithm; `-inf` for an impossible network."""
    macs: int
    params: int
    fingerprint: str
    """Equal for choices that make the same network, such as which of two equal layers is skipped."""


def top_networks(
    space: Space,
    path_probabilities: Mapping[str, Matrix],
    mixture_probabilities: Mapping[str, Sequence[float]],
    count: int = 1,
    measure: Measure | None = None,
    limit: float | None = None,
) -> tuple[Probable, ...]:
    """The `count` most probable networks of a space, most probable first, none with more MACs or parameters than the
    limit.

    Of equally probable ones the cheaper comes first, then the one that is first in the file. Without a measure costs
    are not looked at. Fewer come back where fewer have a probability above 0.

    Raises: UserError for a limit below the cheapest network, for probabilities of another space, and for a space with
    edges or tied blocks, or whose costs do not add up.
    """
    return Budgets(space, path_probabilities, mixture_probabilities, measure, count).networks(limit)


class Budgets:
    """The most probable networks of a space within every budget."""

    def __init__(
        self,
        space: Space,
        path_probabilities: Mapping[str, Matrix],
        mixture_probabilities: Mapping[str, Sequence[float]],
        measure: Measure | None = "macs",
        count: int = 1,
    ):
        """measure: what is limited, None where nothing is; count: how many networks are known of each budget."""
        self.space = space
        self.trellis = trellis(space)
        self.paths = path_probabilities
        self.mixtures = mixture_probabilities
        self.measure = measure
        self.count = count

    def networks(self, limit: float | None = None) -> tuple[Probable, ...]:
        """The best within a limit. Raises: UserError where there is none."""
        most = None if limit is None else math.floor(limit)
        found = self.frontier.ranked(self.count, most)
        if not found and self.measure is not None and most is not None and len(self.frontier):
            cheapest = self._network(int(self.frontier.cost.argmin()))
            raise UserError(
                f"no network of `{self.space.name}` that the search thinks possible has at most {most:,}"
                f" {UNITS[self.measure]}: the cheapest has {getattr(cheapest, self.measure):,}",
                "it has " + ", ".join(f"{name}={option}" for name, option in cheapest.choices.items()),
            )
        return tuple(map(self._network, found))

    def curve(self) -> list[tuple[int, float]]:
        """The budgets at which a more probable network comes within reach, with the logarithm of its probability."""
        found: list[tuple[int, float]] = []
        for cost, score in sorted(zip(self.frontier.cost.tolist(), self.frontier.score.tolist(), strict=True)):
            log_probability = score * UNIT
            if found and found[-1][0] == cost:
                found.pop()
            if not found or log_probability > found[-1][1]:
                found.append((cost, log_probability))
        return found

    def describe(self, choices: Mapping[str, str]) -> Probable:
        """Any network of the space."""
        graph = self.space.choose(choices)
        states = [
            next((i, state) for i, state in enumerate(stage.states) if set(state.choices) <= choices.items())
            for stage in self.trellis.stages
        ]
        path, labels = zip(*((i, state.label) for i, state in states), strict=True)
        log_probability = total(self.trellis, path, choices, self.paths, self.mixtures)
        return Probable(dict(choices), path, labels, log_probability, graph.macs, graph.params, graph.fingerprint)

    def _network(self, index: int) -> Probable:
        found = self.describe(dict(self.frontier.choices(index)))
        if self.measure is not None and getattr(found, self.measure) != self.frontier.cost[index]:
            raise self.unsupported("the costs of its layers do not add up")
        return found

    # ---------------------------------------------------------------- frontiers

    @cached_property
    def frontier(self) -> Frontier:
        """All ways through the space, from the last stage back."""
        log_probabilities(self.trellis, self.paths)  # whether they fit
        _check_widths(self.trellis)
        if not self.space.parts:
            return self._from_end()
        for state in (state for stage in self.trellis.stages for state in stage.states):
            check_weights(state, self.mixtures)
        found = []
        for part in self.space.parts:
            own = copy(self)
            own.paths, own.mixtures = within_part(self.trellis, part, self.paths, self.mixtures)
            found.append(own._from_end())
        return either(found, self.count)

    def _from_end(self) -> Frontier:
        stages = list(zip(self.space.plan.stages, self.trellis.stages, strict=True))
        after = [single() for _ in stages[-1][1].states]
        for planned, stage in reversed(stages):
            to_end = [
                self._sequence([*(single(made=made) for made in state.choices), self._inside(plan, state), rest])
                for plan, state, rest in zip(planned.states, stage.states, after, strict=True)
            ]
            after = [
                either(
                    [
                        ways.moved(self._cost(plan.heads[i]), probability)
                        for plan, ways, probability in zip(planned.states, to_end, row, strict=True)
                    ],
                    self.count,
                )
                for i, row in enumerate(self.paths[stage.name])
            ]
        return after[0]

    def _inside(self, plan: PlanState, state: State) -> Frontier:
        """The ways through the layers of a state behind its heads."""
        check_weights(state, self.mixtures)
        elements = [element for piece in plan.pieces for element in piece.elements]
        if state.edges:
            raise self.unsupported(f"`{state.edges[0].choice}` chooses edges")
        if self.measure is not None and any(map(_has_none, elements)):
            raise self.unsupported("behind `none`, layers that cost something may not be read")
        return self._ways(_ways_of(self.space, plan), "", {}, 1, state)

    def _ways(self, ways: Ways, path: str, inside: Mapping[str, str], times: int, state: State) -> Frontier:
        """path: what names begin with here; inside: the options in which this stands; times: how often it runs."""
        match ways:
            case Layers():
                return single(ways.macs * times if self.measure == "macs" else self._cost(ways))
            case Both():
                found = []
                for part in _in_sequence(ways):
                    found.append(self._ways(part, path, inside, times, state))
                    if isinstance(part, Taken):  # an option begins
                        inside = {**inside, join(path, part.key): part.value}
                return self._sequence(found)
            case Either():
                return either([self._ways(way, path, inside, times, state) for way in ways.options], self.count)
            case Taken():
                choice = join(path, ways.key)
                here = [m for m in state.mixtures if m.choice == choice and any(holds(p, inside, ()) for p in m.places)]
                mixture = max(here, key=lambda m: max(map(len, m.places)))
                weight = self.mixtures[mixture.name][mixture.options.index(ways.value)]
                return single(0, weight, (choice, ways.value))
            case Within():
                return self._ways(ways.inner, ways.path(path), inside, times, state)
            case Repeated():
                return self._ways(ways.inner, path, inside, times * ways.times, state)
            case Tied():
                raise self.unsupported(f"the uses of the tied block `{ways.group.block}` choose together")
            case Unsure() if self.measure is not None:
                raise self.unsupported("some of its networks leave out lines that nothing reads")
            case Around():
                return self._ways(ways.inner, path, inside, times, state)
        raise self.unsupported("it has choices without a mixture")

    def _sequence(self, parts: Iterable[Frontier]) -> Frontier:
        return reduce(lambda first, second: both(first, second, self.count), parts)

    def _cost(self, part: Head | Layers) -> int:
        return 0 if self.measure is None else getattr(part, self.measure)

    def unsupported(self, why: str) -> UserError:
        return UserError(
            f"the most probable networks of `{self.space.name}` are not worked out: {why}",
            "`vnasdsl derive RUN` alone decides one choice after the other",
        )


def _ways_of(space: Space, state: PlanState) -> Ways:
    """The ways to choose in the layers of a state."""
    span = space.syntax.span
    segments = [
        Segment(piece.segment, Group(piece.segment, piece.lines, span, names=piece.names)) for piece in state.pieces
    ]
    env = tuple((piece.before, state.head_shape) for piece in state.pieces[:1] if piece.before)
    (ways,) = space.analysis.through(segments, {(state.head_shape, env): Layers()})[-1].values()
    return ways


def _in_sequence(ways: Ways) -> list[Ways]:
    """What stands one after the other."""
    found: list[Ways] = []
    while isinstance(ways, Both):
        found.append(ways.second)
        ways = ways.first
    return [ways, *reversed(found)]


def _has_none(element: Element) -> bool:
    if isinstance(element, LayerCall):
        return element.layer.name == "none"
    return any(_has_none(child) for child, _ in children(element, ""))


def _check_widths(found: Trellis) -> None:
    stages: dict[str, str] = {}
    for stage in found.stages:
        for choice in {choice for state in stage.states for choice, _ in state.choices}:
            if stages.setdefault(choice, stage.name) != stage.name:
                raise UserError(
                    f"choice `{choice}` changes the shape of several stages: a path cannot decide it",
                    "search this space with `strategy = evolution` or `random`",
                )
