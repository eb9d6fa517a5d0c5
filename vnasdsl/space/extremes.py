"""Cheap and dear networks of a space whose least and greatest costs are not worked out: found by trying, in a fixed
order, so that the same space always gives the same ones.

From a network drawn at random, one choice after the other takes the value that is best while the others stay, until
nothing gets better or enough networks have been looked at. What is found is the cost of a network of the space, and
perhaps not the least or greatest there is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING

from vnasdsl.language.diagnostics import UserError
from vnasdsl.space.bounds import GOALS, Goal, price
from vnasdsl.space.elements import elements
from vnasdsl.space.resolve import Decision

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space

WORK = 200
"""Networks that are looked at for one space."""
ELEMENTS = 350
"""Elements of a network that count as one; a larger network counts as several, for it takes longer to look at."""


@dataclass(frozen=True)
class Extreme:
    """A network that was found: what it costs, and its choices."""

    value: int
    made: Mapping[str, str]


def extremes(space: Space, work: int = WORK, goals: Collection[Goal] = GOALS) -> dict[Goal, Extreme]:
    """The best networks found for the least and greatest costs; empty where none could be built at all.

    `work`: how many networks to look at, all costs together; `goals`: those that are looked for (a cost that is not
    among them has what was found on the way).
    """
    search = _Search(space)
    start = search.look({})
    if start is None:
        return {}
    order = [goal for goal in _ORDER if goal in goals]
    for i, goal in enumerate(order):
        search.descend(goal, search.looked + (work - search.looked) // (len(order) - i))
    return {goal: Extreme(_cost_in_text(space, found.made, goal), found.made) for goal, found in search.best.items()}


def _cost_in_text(space: Space, made: Mapping[str, str], goal: Goal) -> int:
    """What a network costs without the lines that nothing reads in it, which were looked at with the others."""
    value: int = getattr(space.network(made).cost, goal)
    return value


_ORDER: tuple[Goal, ...] = ("macs_max", "params_max", "macs_min", "params_min")


def better(goal: Goal, value: int, than: int) -> bool:
    return value < than if goal.endswith("min") else value > than


@dataclass
class _Search:
    """The best found so far for every cost: a network that is looked at for one of them can be better for another."""

    space: Space
    best: dict[Goal, Extreme] = field(default_factory=dict)
    looked: int = 0
    known: set[tuple[tuple[str, str], ...]] = field(default_factory=set)

    def look(self, made: Mapping[str, str]) -> dict[str, str] | None:
        """Builds the network of some choices, the others drawn: its choices, or None when it cannot be built."""
        try:
            video, resolved = self.space.completed(made, Random(0))  # what is drawn is alike in every run
        except UserError:
            return None
        found = {**(self.space.inputs.choices_of(video) or {}), **resolved.made}
        key = tuple(found.items())
        if key in self.known:
            return None
        self.known.add(key)
        size = sum(1 for segment in resolved.segments for _ in elements(segment.body))
        self.looked += 1 + size // ELEMENTS
        cost, _ = price(resolved.segments, video.shape, video.name, video.classes)
        if cost is None:
            return None
        for goal in GOALS:
            value: int = getattr(cost, goal)
            if goal not in self.best or better(goal, value, self.best[goal].value):
                self.best[goal] = Extreme(value, found)
        return found

    def descend(self, goal: Goal, work: int) -> None:
        """One choice after the other, over and over, until a round over all of them makes nothing better."""
        improved = True
        while improved and self.looked < work:
            improved = False
            done: set[str] = set()
            here: Extreme | None = None
            decisions: tuple[Decision, ...] = ()
            while self.looked < work:
                if here is not self.best[goal]:
                    here = self.best[goal]
                    decisions = self.space.decisions(here.made)
                left = [d for d in decisions if d.name not in done]
                if not left:
                    break
                done.add(left[0].name)
                for value in neighbours(left[0]):
                    self.look({**here.made, left[0].name: value})
                    if self.looked >= work:
                        break
                improved = improved or self.best[goal] is not here


def neighbours(decision: Decision) -> Iterator[str]:
    """The values to try in the place of one: all options; of a real number both ends; of edges the fewest and the
    most, and those that differ in one or exchange one for another."""
    if decision.form == "real":
        yield from (repr(decision.low), repr(decision.high))
    elif decision.form == "edges":
        yield from _subsets(decision)
    else:
        yield from (option for option in decision.options if option != decision.value)


def _subsets(decision: Decision) -> Iterator[str]:
    assert decision.least is not None and decision.most is not None
    taken = set(decision.value.split(" + ")) if decision.value else set()
    options = decision.options
    tried = [set(options)] if decision.most == len(options) else []
    tried += [taken ^ {option} for option in options]
    tried += [taken ^ {a, b} for a, b in combinations(options, 2) if (a in taken) != (b in taken)]
    for subset in tried:
        if decision.least <= len(subset) <= decision.most and subset != taken:
            yield " + ".join(option for option in options if option in subset)
