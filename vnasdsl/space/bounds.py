"""Which of the least and greatest costs a network has, and the cheapest and most expensive networks found by trying.

Costs are bounds where the walk looks at more than there is: uses of a tied block as if each made choices of its own,
lines that some networks leave out. The network that has the bound, if there is one, proves that it is exact.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING

from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.space.costs import GOALS, Cost, Goal
from vnasdsl.space.decisions import Decision

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space

_ORDER: tuple[Goal, ...] = ("macs_max", "params_max", "macs_min", "params_min")
WORK = 200
"""Networks that are looked at for one space."""


CHOICES = 50
"""Choices up to which a network counts as one; of more it counts as several, for each takes its time to make."""


@dataclass(frozen=True)
class Extreme:
    """A network that was found: what it costs, and its choices."""

    value: int
    made: Mapping[str, str]


def amount(cost: Cost, goal: Goal) -> int:
    value: int = getattr(cost, goal)
    return value


def better(goal: Goal, value: int, than: int) -> bool:
    return value < than if goal.endswith("min") else value > than


def exact_ends(space: Space) -> frozenset[Goal]:
    """The ends of the costs that a network has; of the others it is only known that no network is beyond them."""
    found = set()
    for goal in GOALS:
        made, sure = space.cheapest(goal)
        if not sure:
            try:
                sure = amount(space.price(space.complete(made, Random(0))), goal) == amount(space.cost, goal)
            except (UserError, VnsError):
                continue
        if sure:
            found.add(goal)
    return frozenset(found)


def extremes(space: Space, goals: Collection[Goal] = GOALS, work: int = WORK) -> dict[Goal, Extreme]:
    """The best networks found for the least and greatest costs; empty where none could be built at all.

    From the network that takes the best option at every choice, one choice after the other takes the value that is best
    while the others stay, until nothing gets better or `work` networks have been looked at, all goals together. A cost
    that is not among the goals has what was found on the way. The same space always gives the same networks.
    """
    search = _Search(space)
    search.look({})
    for goal in GOALS if space.costed else ():
        search.look(space.cheapest(goal)[0])
    if search.best:
        order = [goal for goal in _ORDER if goal in goals]
        for i, goal in enumerate(order):
            search.descend(goal, search.looked + (work - search.looked) // (len(order) - i))
    return search.best


@dataclass
class _Search:
    """The best found so far for every cost: a network that is looked at for one of them can be better for another."""

    space: Space
    best: dict[Goal, Extreme] = field(default_factory=dict)
    looked: int = 0
    known: set[tuple[tuple[str, str], ...]] = field(default_factory=set)

    def look(self, made: Mapping[str, str]) -> None:
        """Looks at the network of some choices, the others drawn, if it can be built."""
        try:
            found = self.space.complete(made, Random(0))  # what is drawn is alike in every run
        except UserError:
            return
        key = tuple(found.items())
        if key in self.known:
            return
        self.known.add(key)
        self.looked += 1 + (len(found) // CHOICES) ** 2
        try:
            cost = self.space.price(found)
        except VnsError:
            return
        for goal in GOALS:
            value = amount(cost, goal)
            if goal not in self.best or better(goal, value, self.best[goal].value):
                self.best[goal] = Extreme(value, found)

    def descend(self, goal: Goal, work: int) -> None:
        """One choice after the other, over and over, until a round over all of them makes nothing better."""
        before: Extreme | None = None
        while before is not self.best[goal] and self.looked < work:
            before = self.best[goal]
            done: set[str] = set()
            while self.looked < work:
                here = self.best[goal]
                decision = next((d for d in self.space.decisions(here.made) if d.name not in done), None)
                if decision is None:
                    break
                done.add(decision.name)
                for value in neighbours(decision):
                    if self.looked < work:
                        self.look({**here.made, decision.name: value})


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
