"""States of the walk over a space: what flows, and what the named lines that are still read hold."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from vnasdsl.layers.base import Shape
from vnasdsl.space.flow import Flow, TensorList, spliced


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
