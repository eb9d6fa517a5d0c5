"""Calls with more combinations of values than are written out: which ways to close them are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from vnasdsl.space.elements import DeferredCall

MOST_CLOSED = 512
"""Ways to close one call that are built to learn its costs: each takes about a millisecond."""


def closings(element: DeferredCall) -> Iterator[tuple[str, ...]] | None:
    """Values for the fields of a call among which are, for every network, one that costs no more and one that costs
    no less, and all shapes that come out; None where they are too many, or not known."""
    columns = []
    for field in element.fields:
        if not field.options and field.points is None:
            return None
        columns.append(field.options or tuple(repr(point) for point in field.points or ()))
    return None if prod(map(len, columns)) > MOST_CLOSED else product(*columns)
