"""All networks of a part of a space as one shared expression: choices, layers, both, either.

The walk of `evaluate` builds it once; counts, costs, draws and least networks are read from it. Parts are shared, so it
is as large as there are states in the walk, not as there are networks. Without choices it is one sum of costs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from vnasdsl.space.elements import Group, inside, join


class Ways:
    """The ways to make some choices, with what the layers of each cost."""

    __slots__ = ()

    @property
    def parts(self) -> tuple[Ways, ...]:
        return ()

    def __add__(self, other: Ways) -> Ways:
        """Both, one after the other."""
        if isinstance(other, Layers):
            if other.macs == other.params == 0:
                return self
            if isinstance(self, Layers):
                return Layers(self.macs + other.macs, self.params + other.params)
        if isinstance(self, Layers) and self.macs == self.params == 0:
            return other
        return Both(self, other)


@dataclass(slots=True, eq=False)
class Layers(Ways):
    """Layers without a choice."""

    macs: int = 0
    params: int = 0


@dataclass(slots=True, eq=False)
class Both(Ways):
    first: Ways
    second: Ways

    @property
    def parts(self) -> tuple[Ways, ...]:
        return self.first, self.second


@dataclass(slots=True, eq=False)
class Either(Ways):
    options: tuple[Ways, ...]

    @property
    def parts(self) -> tuple[Ways, ...]:
        return self.options


@dataclass(slots=True, eq=False)
class Taken(Ways):
    """A choice takes a value; a `real` one could take any number beside it."""

    key: str
    value: str
    real: bool = False


@dataclass(slots=True, eq=False)
class Edge(Ways):
    """One more edge of a `pick`; without a value its beginning, with no edge yet."""

    key: str
    value: str = ""


@dataclass(slots=True, eq=False)
class Around(Ways):
    """What stands around other ways."""

    inner: Ways

    @property
    def parts(self) -> tuple[Ways, ...]:
        return (self.inner,)


@dataclass(slots=True, eq=False)
class Within(Around):
    """The choices inside are named from here on."""

    label: str
    index: int | None = None

    def path(self, path: str) -> str:
        here = join(path, self.label)
        return here if self.index is None else f"{here}[{self.index}]"


@dataclass(slots=True, eq=False)
class Repeated(Around):
    """Layers that run several times for one clip, with the same weights."""

    times: int


@dataclass(slots=True, eq=False)
class Unsure(Around):
    """Layers that some networks leave out, because nothing reads their line there."""


@dataclass(slots=True, eq=False)
class Tied(Around):
    """A use of a tied block."""

    group: Group
    given: Hashable
    """What decides, beside its lines, which choices the use has."""
    split: bool
    """Whether the use has other outcomes, whose ways stand elsewhere."""


NOTHING = Layers()


def either(options: Iterable[Ways]) -> Ways:
    """Either of some ways; with equal costs and no choices they are one."""
    found = tuple(options)
    return found[0] if len(found) == 1 else Either(found)


def within(ways: Ways, label: str, index: int | None = None) -> Ways:
    """The same with the names of choices beginning with a label."""
    if isinstance(ways, Layers) or (not label and index is None):
        return ways
    return Within(ways, label, index)


Key = TypeVar("Key")
Answer = TypeVar("Answer")


def gather(pairs: Iterable[tuple[Key, Ways]]) -> dict[Key, Ways]:
    """Ways collected by what they lead to."""
    found: dict[Key, Ways | list[Ways]] = {}
    several = False
    for key, ways in pairs:
        before = found.get(key)
        if before is None:
            found[key] = ways
        elif isinstance(before, list):
            before.append(ways)
        else:
            found[key] = [before, ways]
            several = True
    if not several:
        return found  # type: ignore[return-value]
    return {key: either(ways) if isinstance(ways, list) else ways for key, ways in found.items()}


def fold(ways: Ways, rule: Callable[[Ways, list[Answer]], Answer], known: dict[Ways, Answer]) -> Answer:
    """What a rule says of ways, given what it says of their parts; `known` keeps the answers."""
    waiting = [ways]
    while waiting:
        last = waiting[-1]
        if last in known:
            waiting.pop()
            continue
        parts = last.parts
        missing = [part for part in parts if part not in known]
        if missing:
            waiting += missing
        else:
            known[last] = rule(last, [known[part] for part in parts])
            waiting.pop()
    return known[ways]


def listed(ways: Ways, path: str = "") -> Iterator[dict[str, str]]:
    """The choices of every network of a small part without a `pick`; uses of a tied block agree."""
    match ways:
        case Both():
            for first in listed(ways.first, path):
                for second in listed(ways.second, path):
                    if all(first.get(name, value) == value for name, value in second.items()):
                        yield {**first, **second}
        case Either():
            for option in ways.options:
                yield from listed(option, path)
        case Taken():
            yield {join(path, ways.key): ways.value}
        case Within():
            yield from listed(ways.inner, ways.path(path))
        case Tied():
            yield from listed(ways.inner, inside(ways.group, path))
        case Around():
            yield from listed(ways.inner, path)
        case _:
            yield {}
