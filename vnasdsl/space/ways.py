"""All networks of a part of a space as one shared expression: choices, layers, both, either.

The walk of `evaluate` builds it once; counts, costs, draws and least networks are read from it. Parts are shared, so it
is as large as there are states in the walk, not as there are networks. Without choices it is one sum of costs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from vnasdsl.space.elements import Group, inside, join, picked, together


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


# ------------------------------------------------------------- least and greatest costs

Goal: TypeAlias = Literal["macs_min", "macs_max", "params_min", "params_max"]
GOALS: tuple[Goal, ...] = ("macs_min", "macs_max", "params_min", "params_max")


@dataclass(frozen=True)
class Cost:
    """Least and greatest MACs and parameters."""

    macs_min: int = 0
    macs_max: int = 0
    params_min: int = 0
    params_max: int = 0

    def __add__(self, other: Cost) -> Cost:
        """One after the other."""
        return Cost(*_sum(_ends(self), _ends(other)))

    def __or__(self, other: Cost) -> Cost:
        """Either of the two."""
        return Cost(*_extent((_ends(self), _ends(other))))


Ends: TypeAlias = tuple[int, int, int, int]
"""A cost without its class: adding tuples is faster."""


def _ends(cost: Cost) -> Ends:
    return cost.macs_min, cost.macs_max, cost.params_min, cost.params_max


def _sum(a: Ends, b: Ends) -> Ends:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]


def _extent(options: Iterable[Ends]) -> Ends:
    macs_min, macs_max, params_min, params_max = zip(*options, strict=True)
    return min(macs_min), max(macs_max), min(params_min), max(params_max)


class Costs:
    """Costs of ways, each worked out once."""

    def __init__(self) -> None:
        self._known: dict[Ways, Ends] = {}

    def of(self, ways: Ways) -> Cost:
        """The least and greatest cost over all networks; choices of tied blocks count as free at every use."""
        return Cost(*self._ends(ways))

    def over(self, options: Iterable[Ways]) -> Cost:
        """The least and greatest cost over several ways, at least one."""
        return Cost(*_extent(map(self._ends, options)))

    def _ends(self, ways: Ways) -> Ends:
        return fold(ways, _rule, self._known)

    def witness(self, ways: Ways, goal: Goal) -> tuple[dict[str, str], bool]:
        """The choices of the cheapest (or most expensive) network, and whether it surely has that cost.

        It does not where two uses of a tied block would choose differently (the first use wins), and where a line that
        costs something may have no reader.
        """
        made: dict[str, str] = {}
        return made, self._take(ways, "", goal, made, {})

    def _take(self, ways: Ways, path: str, goal: Goal, made: dict[str, str], before: Mapping[str, str]) -> bool:
        end, best = GOALS.index(goal), min if goal.endswith("min") else max
        sure = True
        waiting = [(ways, path)]
        while waiting:
            here, path = waiting.pop()
            match here:
                case Both():
                    waiting += ((here.second, path), (here.first, path))
                case Either():
                    options = [o for o in here.options if _agrees(o, path, before)] or here.options
                    waiting.append((best(options, key=lambda o: self._ends(o)[end]), path))
                case Taken():
                    made[join(path, here.key)] = here.value
                case Edge():
                    name = join(path, here.key)
                    made[name] = together((*picked(made.get(name, "")), *picked(here.value)))
                case Within():
                    waiting.append((here.inner, here.path(path)))
                case Tied():
                    own: dict[str, str] = {}
                    sure = self._take(here.inner, inside(here.group, path), goal, own, {**before, **made}) and sure
                    sure = all(made.setdefault(name, value) == value for name, value in own.items()) and sure
                case Around():
                    if isinstance(here, Unsure) and any(self._ends(here.inner)):
                        sure = False
                    waiting.append((here.inner, path))
        return sure


def _agrees(option: Ways, path: str, before: Mapping[str, str]) -> bool:
    """Whether an option can be taken after an earlier use of a tied block has made its choices."""
    while isinstance(option, Both):
        option = option.first
    return not isinstance(option, Taken) or before.get(join(path, option.key), option.value) == option.value


def _rule(ways: Ways, parts: list[Ends]) -> Ends:
    match ways:
        case Layers():
            return ways.macs, ways.macs, ways.params, ways.params
        case Both():
            return _sum(*parts)
        case Either():
            return _extent(parts)
        case Repeated():
            (inner,) = parts
            return ways.times * inner[0], ways.times * inner[1], inner[2], inner[3]
        case Unsure():
            (inner,) = parts
            return 0, inner[1], 0, inner[3]
        case Around():
            return parts[0]
    return 0, 0, 0, 0
