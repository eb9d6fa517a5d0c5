"""How a call with many open arguments is gone through, and which tied blocks one network uses more than once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from math import prod
from weakref import WeakKeyDictionary

from vnasdsl.space.elements import (
    Alternatives,
    Element,
    Group,
    Op,
    Open,
    OpenField,
    Read,
    Segment,
    When,
    children,
    choices,
)

MOST_CLOSED = 512
"""Ways to close one call that are built to learn its costs: each takes about a millisecond."""


def closings(element: Open) -> Iterator[tuple[str, ...]] | None:
    """Values for the fields of an open call among which are, for every network, one that costs no more and one that
    costs no less, and all shapes that come out; None where they are too many, or not known.
    """
    columns = [ends(field) for field in element.fields]
    if any(column is None for column in columns):
        return None
    known = [column for column in columns if column is not None]
    if prod(len(column) for column in known) > MOST_CLOSED:
        return None
    return product(*known)


def ends(field: OpenField) -> tuple[str, ...] | None:
    """The values of a field between which costs lie: all of its options; of a real number those at which something
    changes, where they are known."""
    return field.options or None


_USES: WeakKeyDictionary[Element, dict[str, int]] = WeakKeyDictionary()


def uses(segments: Iterable[Segment]) -> dict[str, int]:
    """How many uses of each tied block with choices one network can have at most; 2 stands for more."""
    total: dict[str, int] = {}
    for segment in segments:
        _add(total, uses_in(segment.body))
    return total


def uses_in(element: Element) -> dict[str, int]:
    if isinstance(element, (Op, Read)):
        return {}
    found = _USES.get(element)
    if found is None:
        found = _USES[element] = _uses_in(element)
    return found


def _uses_in(element: Element) -> dict[str, int]:
    found: dict[str, int] = {}
    if isinstance(element, (Alternatives, When)):
        for child, _ in children(element, ""):
            for name, count in uses_in(child).items():
                found[name] = max(found.get(name, 0), count)
        return found
    last: tuple[Element, dict[str, int]] | None = None
    for child, _ in children(element, ""):
        if last is None or last[0] is not child:
            last = (child, uses_in(child))
        _add(found, last[1])
    if isinstance(element, Group) and element.tied and has_choices(element):
        assert element.block is not None
        found = {**found, element.block: min(2, found.get(element.block, 0) + 1)}
    return found


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = min(2, total.get(name, 0) + count)


def has_choices(element: Element) -> bool:
    return any(True for _ in choices(element, ""))
