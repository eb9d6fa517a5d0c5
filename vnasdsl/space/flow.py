"""What flows from line to line: one shape, or several where a line is a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import NameRef, Option, Pick

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
Env: TypeAlias = Mapping[str, Flow]
"""What can be read by name."""


def spliced(flow: Flow) -> tuple[Shape, ...]:
    """The values one by one: a list stands for all of its values."""
    return flow.shapes if isinstance(flow, TensorList) else (flow,)


def read(element: NameRef, env: Env) -> Flow:
    """What a line that reads by name gives. A name that is not followed has an unknown shape."""
    flow = env.get(element.wire, UNKNOWN)
    if element.index is None:
        return flow
    values = spliced(flow)
    return values[element.index] if element.index < len(values) else UNKNOWN


def pool(pick: Pick, env: Env) -> tuple[Option, ...]:
    """What a `pick` takes from: a list that is read stands for each of its values, `level0[0]`, `level0[1]`."""
    options: list[Option] = []
    for option in pick.options:
        element = option.element
        flow = env.get(element.wire) if isinstance(element, NameRef) and element.index is None else None
        if isinstance(flow, TensorList):
            options += (value_of(option, i) for i in range(len(flow.shapes)))
        else:
            options.append(option)
    return tuple(options)


def value_of(option: Option, index: int) -> Option:
    """One value of a list that a `pick` takes from."""
    assert isinstance(option.element, NameRef)
    return Option(f"{option.text}[{index}]", replace(option.element, index=index), option.span)
