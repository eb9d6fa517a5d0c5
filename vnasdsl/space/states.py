"""States of the walk over a space: what flows, and what the named lines that are still read hold."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import NameRef, Option, Pick

# ----------------------------------------- one shape, or several where a line is a list

UNKNOWN: Shape = ()
"""The shape of what flows where shapes are not followed, or do not come out."""


@dataclass(frozen=True)
class TensorList:
    """The values of a list, in the order of the file; or, where that is not known, in that of their sizes."""

    shapes: tuple[Shape, ...]
    ordered: bool = True

    def __hash__(self) -> int:
        """Kept; a `cached_property` takes a lock in Python 3.11, and the walk over a space makes many lists."""
        known: int | None = self.__dict__.get("_hash")
        if known is None:
            known = self.__dict__["_hash"] = hash((self.shapes, self.ordered))
        return known


Flow: TypeAlias = Shape | TensorList
"""What a line gives: a shape (C, T, H, W) or (C,), or several of them."""


def spliced(flow: Flow) -> tuple[Shape, ...]:
    """The values one by one: a list stands for all of its values."""
    return flow.shapes if isinstance(flow, TensorList) else (flow,)


def read(element: NameRef, env: Mapping[str, Flow]) -> Flow:
    """What a line that reads by name gives. A name that is not followed has an unknown shape."""
    flow = env.get(element.wire, UNKNOWN)
    if element.index is None:
        return flow
    values = spliced(flow)
    return values[element.index] if element.index < len(values) else UNKNOWN


def pool(pick: Pick, length: Callable[[str], int | None]) -> tuple[Option, ...]:
    """What a `pick` takes from: a list that is read stands for each of its values, `level0[0]`, `level0[1]`. `length`
    says of how many a line by that name consists, None for one that is no list."""
    options: list[Option] = []
    for option in pick.options:
        element = option.element
        many = length(element.wire) if isinstance(element, NameRef) and element.index is None else None
        options += (option,) if many is None else (value_of(option, i) for i in range(many))
    return tuple(options)


def value_of(option: Option, index: int) -> Option:
    """One value of a list that a `pick` takes from."""
    assert isinstance(option.element, NameRef)
    return Option(f"{option.text}[{index}]", replace(option.element, index=index), option.span)


@dataclass(frozen=True)
class OneOf:
    """A line of which only is known what it can hold, and no more which of it goes with what other lines hold."""

    flows: tuple[Flow, ...]
    """In an order that does not change from run to run."""

    @cached_property
    def _hash(self) -> int:
        return hash(self.flows)

    def __hash__(self) -> int:
        return self._hash


Held: TypeAlias = "Flow | OneOf"
Env: TypeAlias = tuple[tuple[str, Held], ...]
"""What named lines hold, by name, in the order of the names."""
State: TypeAlias = tuple[Held, Env]


def only(env: Env, names: frozenset[str]) -> Env:
    """What the lines of these names hold."""
    if not env or not names:
        return ()
    return tuple(pair for pair in env if pair[0] in names)


def put(env: Env, name: str, held: Held) -> Env:
    return tuple(sorted((*(pair for pair in env if pair[0] != name), (name, held)), key=lambda pair: pair[0]))


def drop(env: Env, names: frozenset[str]) -> Env:
    return tuple(pair for pair in env if pair[0] not in names) if names else env


def flows_of(held: Held) -> tuple[Flow, ...]:
    """What a line can hold."""
    return held.flows if isinstance(held, OneOf) else (held,)


def one_of(held: set[Held]) -> Held:
    flows = {flow for each in held for flow in flows_of(each)}
    if len(flows) == 1:
        return next(iter(flows))
    return OneOf(tuple(sorted(flows, key=lambda f: (1, f.shapes) if isinstance(f, TensorList) else (0, (f,)))))


def length(held: Held) -> int | None:
    return len(held.shapes) if isinstance(held, TensorList) else None


def extended(before: TensorList, after: Flow) -> TensorList:
    values = (*before.shapes, *spliced(after))
    ordered = before.ordered and (not isinstance(after, TensorList) or after.ordered)
    return TensorList(values) if ordered else unordered(values)


def inserted(shapes: tuple[Shape, ...], after: Flow) -> tuple[Shape, ...]:
    """Sorted shapes with one or several more."""
    if isinstance(after, TensorList):
        return tuple(sorted((*shapes, *after.shapes)))
    i = bisect(shapes, after)
    return (*shapes[:i], after, *shapes[i:])


def unordered(shapes: tuple[Shape, ...]) -> TensorList:
    return TensorList(tuple(sorted(shapes)), ordered=len(set(shapes)) < 2)
