"""What reading a part of a space against a network can say: the answers of `match`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from vnasdsl.space.elements import join

NOTHING = -1
"""The node of a `none` that was left out of a sum."""
MOST_ANSWERS = 1_000
"""Different answers for one element at one node that are kept."""
MOST_STEPS = 300_000
"""Steps in which answers are put together; some ten microseconds each."""
MOST_TORN = 64
"""Contradictions that are remembered."""
MOST_WAYS = 256
"""Ways to close open calls that are tried where the network does not say which."""

Target: TypeAlias = int
Made: TypeAlias = "tuple[object, ...]"
"""Choices by the labels on the way down: () or ("both", made, made), ("at", label, made), ("copy", i, made),
("choice", key, value), ("any", key, values) where it does not matter which of these values, and ("place", node, index)
for a value of a list: `level0[@17]` in the value of a choice is the one that is node 17."""
Tied: TypeAlias = "frozenset[tuple[str, tuple[str, ...]]]"
"""The choices of tied blocks by name, with the values that each may have."""
Wires: TypeAlias = "frozenset[tuple[tuple[str, int | None], Target | tuple[Target, ...]]]"


@dataclass(frozen=True)
class Answer:
    """One way to read an element."""

    x: Target | None = None
    """What came before; None where it is not read."""
    wires: Wires = frozenset()
    tied: Tied = frozenset()
    used: frozenset[Target] = frozenset()
    """The nodes that it takes as layers of its own, as far as several nodes read them: no two parts of a space
    are the same layer. (Parts that meet in a node with one reader meet in that reader, too.)"""
    made: Made = ()

    @property
    def key(self) -> object:
        return self.x, self.wires, self.tied, self.used


NO_WIRES: Wires = frozenset()
NONE: frozenset[Target] = frozenset()


def both(a: Made, b: Made) -> Made:
    return ("both", a, b) if a and b else a or b


def at(label: str, made: Made) -> Made:
    return ("at", label, made) if made and label else made


def listed(made: Made, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The choices by name, with the values that each may have."""
    for here, where in leaves(made, path):
        match here:
            case ("choice", str(key), str(value)):
                yield join(where, key), (value,)
            case ("any", str(key), values):
                yield join(where, key), values  # type: ignore[misc]


def agreed(a: Tied, b: Tied) -> Tied | None:
    """What both allow; None when a choice would have no value left."""
    every = a | b
    names = {name for name, _ in every}
    if len(names) == len(every):
        return every
    found: dict[str, tuple[str, ...]] = {}
    for name, values in every:
        before = found.get(name)
        found[name] = values if before is None else tuple(value for value in before if value in values)
        if not found[name]:
            return None
    return frozenset(found.items())


def places(made: Made) -> dict[int, int]:
    """Which value of its list a node is."""
    found: dict[int, int] = {}
    for here, _ in leaves(made, ""):
        match here:
            case ("place", int(node), int(index)):
                found[node] = index
    return found


def leaves(made: Made, path: str) -> Iterator[tuple[Made, str]]:
    todo: list[tuple[Made, str]] = [(made, path)]
    while todo:
        here, path = todo.pop()
        match here:
            case ("both", a, b):
                todo += [(b, path), (a, path)]  # type: ignore[list-item]
            case ("at", str(label), inner):
                todo.append((inner, join(path, label)))  # type: ignore[arg-type]
            case ("copy", int(i), inner):
                todo.append((inner, f"{path}[{i}]"))  # type: ignore[arg-type]
            case _:
                yield here, path


def copied(number: int, made: Made) -> Made:
    return ("copy", number, made) if made else made
