"""Which of the least and greatest costs a network has.

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
