"""Which of the least and greatest costs a network has, and those of some networks where it is not known.

Costs are bounds where the walk looks at more than there is: uses of a tied block as if each made choices of its own,
lines that some networks leave out. The network that has the bound, if there is one, proves that it is exact.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.space.costs import GOALS, Goal

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space

LOOKED_AT = 400
"""Networks that are looked at to find cheap and expensive ones."""
MOST_WORK = 1_000_000
"""What looking at them may cost: the time for one grows with its layers and the square of its choices."""


def exact_ends(space: Space) -> frozenset[Goal]:
    """The ends of the costs that a network has; of the others it is only known that no network is beyond them."""
    found = set()
    for goal in GOALS:
        made, sure = space.cheapest(goal)
        if not sure:
            try:
                found_cost = space.price(space.complete(made, Random(0)))
                sure = getattr(found_cost, goal) == getattr(space.cost, goal)
            except (UserError, VnsError):
                continue
        if sure:
            found.add(goal)
    return frozenset(found)


def extremes(space: Space, work: int = LOOKED_AT) -> dict[Goal, int]:
    """The least and greatest costs of some networks: those that the bounds point at, and others that differ from the
    best so far in one choice, drawn in the same way in every run. Empty where none can be built."""
    random = Random(0)
    waiting = [space.cheapest(goal)[0] for goal in GOALS] if space.costed else [{}]
    best: dict[Goal, tuple[int, dict[str, str]]] = {}
    spent = 0
    for step in range(work):
        if spent > MOST_WORK:
            break
        if waiting:
            made = waiting.pop()
        else:
            _, before = best[GOALS[step % len(GOALS)]]
            changed = random.choice(list(before))
            made = {name: value for name, value in before.items() if name != changed}
        try:
            made = space.complete(made, random)
            graph = space.choose(made)
            spent += max(len(made) ** 2, 10 * len(graph))
        except (UserError, VnsError):
            if not best:
                break
            continue
        for goal in GOALS:
            value: int = graph.macs if goal.startswith("macs") else graph.params
            if goal not in best or (value < best[goal][0] if goal.endswith("min") else value > best[goal][0]):
                best[goal] = value, made
    return {goal: value for goal, (value, _) in best.items()}
