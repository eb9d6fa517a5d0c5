"""Calls with more combinations of values than are written out: which ways to close them are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from math import prod

from vnasdsl.space.elements import DeferredArgument, DeferredCall

MOST_WAYS = 4096
"""Ways to close the structural arguments of one call that are looked at."""


def first_value(field: DeferredArgument) -> str:
    return field.options[0] if field.options else repr(field.low)


def structural_count(element: DeferredCall) -> int:
    """The ways to close the arguments of a call that other choices depend on."""
    return prod(len(f.options) for f in element.fields if f.structural and f.options)


def structural_ways(element: DeferredCall) -> Iterator[tuple[str, ...]]:
    """Texts for the fields of an open call, one for each way that other choices could depend on."""
    columns = [f.options if f.structural and f.options else (first_value(f),) for f in element.fields]
    yield from islice(product(*columns), MOST_WAYS)
