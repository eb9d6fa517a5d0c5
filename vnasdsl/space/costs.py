"""Least and greatest costs of ways, and a network that has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vnasdsl.space.elements import inside, join, picked, together
from vnasdsl.space.ways import Around, Both, Edge, Either, Layers, Repeated, Taken, Tied, Unsure, Ways, Within, fold

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
