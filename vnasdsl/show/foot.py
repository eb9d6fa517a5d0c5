"""What stands below a table: exact figures or bounds, and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from textwrap import wrap

from vnasdsl.elaborate.space import Space
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.show.numbers import count_words
from vnasdsl.space.counting import CannotCountError
from vnasdsl.space.ways import Goal

WIDTH = 100
"""Columns a table should fit."""
DRAWN = 20
"""Networks drawn where the costs of a space are not known; fewer where choices are many, as each takes long then."""
CHOICES_DRAWN = 2500
"""Choices made for all of them at most."""


def known_size(space: Space) -> int | None:
    """The number of networks; None for infinitely many, and where they cannot be counted."""
    try:
        return space.size
    except CannotCountError:
        return None


def size_words(space: Space) -> str:
    """`5.84e18 networks`, or why there is no such number."""
    size = known_size(space)
    return space.size_text() if size is None else f"{count_words(size)} network{'' if size == 1 else 's'}"


def foot(space: Space) -> Iterator[str]:
    """Exact figures and limits."""
    if space.kind == "network":
        yield f"{space.macs[0]} MACs per clip, {space.params[0]} parameters"
    else:
        size = known_size(space)
        whole = f"number of networks: {space.size_text()}" if size is None else f"exactly {size} networks"
        number = f"{len(space.choices)} choices" if len(space.choices) > 1 else "1 choice"
        counted = Counter(choice.kind for choice in space.choices)
        kinds = ", ".join(f"{count} {kind}" for kind, count in counted.items())
        yield from wrap(f"{whole}, in {number} ({kinds})", WIDTH, subsequent_indent="  ")
        yield from costs(space)
    yield from (f"limit: {limit.condition.span.text}" for limit in space.limits)


def costs(space: Space) -> Iterator[str]:
    """Least and greatest costs of a space, and whether they are bounds."""
    if not space.costed:
        yield "least and greatest costs: not worked out, a call has too many combinations"
        yield from _drawn(space, min(DRAWN, CHOICES_DRAWN // max(len(space.choices), 1)))
        return

    def written(goal: Goal, value: int) -> str:
        return str(value) if goal in space.exact_ends else f"{value} (bound)"

    macs = f"MACs from {written('macs_min', space.macs[0])} to {written('macs_max', space.macs[1])}"
    params = f"parameters from {written('params_min', space.params[0])} to {written('params_max', space.params[1])}"
    yield from wrap(f"{macs}, {params}", WIDTH)
    if not space.exact:
        yield "a bound: no network is beyond it, and perhaps none reaches it"


def _drawn(space: Space, count: int) -> Iterator[str]:
    """What some networks cost."""
    try:
        costs = [space.price(space.complete({}, Random(seed))) for seed in range(count)]
    except (UserError, VnsError):  # not every choice fits the others
        return
    if len(costs) > 1:
        macs, params = sorted(cost.macs_min for cost in costs), sorted(cost.params_min for cost in costs)
        of = f"of {count} networks drawn at random: MACs from {macs[0]} to {macs[-1]}"
        yield from wrap(f"{of}, parameters from {params[0]} to {params[-1]}", WIDTH, subsequent_indent="  ")
