"""What reading a space from its output back keeps track of: what a part has to give, and the ways in which it can."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vnasdsl.network.made import Made, both
from vnasdsl.network.reading import ZERO, Number, Reading
from vnasdsl.space.elements import Group
from vnasdsl.space.rules import LayerRules

if TYPE_CHECKING:
    from vnasdsl.network.graph import NetworkGraph

Value: TypeAlias = "Number | None"
"""A node, `ZERO`, or None where nothing is needed."""
Tied: TypeAlias = "frozenset[tuple[str, tuple[str, ...], Value]]"
"""Choices of tied blocks by name, with the values that all uses allow, and what the last use gives."""

BEAM = 512
"""Ways to read one element that are followed."""


class Wants(NamedTuple):
    """What a part has to give: one value, or those of a list in their order."""

    values: tuple[Value, ...]
    open: bool = False
    """Whether a list may have more values."""
    zeros: bool = False
    """Whether `none`s may stand between the values of a list: a sum leaves them out."""


class Way(NamedTuple):
    """One way to read a part: what has to come in, what lines have to give by name, the shared nodes that it makes
    itself, the choices it needs, and how many of the values it was asked for are its own."""

    x: Value = None
    demands: tuple[tuple[str, Wants], ...] = ()
    used: frozenset[Number] = frozenset()
    tied: Tied = frozenset()
    made: Made = ()
    taken: int = 1


@dataclass(frozen=True)
class Conflict:
    """Two uses of a tied block that need different choices."""

    choice: str
    earlier: str
    later: str
    end: Number
    """What the later use gives."""


class Ways(Reading):
    """How ways go together."""

    def __init__(self, network: NetworkGraph, rules: LayerRules, uses: Sequence[Group]):
        super().__init__(network, rules, uses)
        self.conflicts: list[Conflict] = []
        self._tied = 0
        """How many tied blocks are around what is read."""

    def _distinct(self, ways: Iterable[Way]) -> tuple[Way, ...]:
        """Each way once. In a tied block also what was chosen counts, since its other uses have to agree."""
        found: dict[object, Way] = {}
        for way in ways:
            found.setdefault(way if self._tied else way._replace(made=()), way)
            if len(found) >= BEAM:
                self.cut = True
                break
        return tuple(found.values())

    def _and(self, a: Way, b: Way) -> Way | None:
        """Both ways at once, with what comes in before `b`; None where they contradict each other."""
        self.step()
        if a.used & b.used:
            return None
        demands = a.demands or b.demands
        if a.demands and b.demands:
            needed = dict(a.demands)
            for name, wants in b.demands:
                met = self._meet(needed[name], wants) if name in needed else wants
                if met is None:
                    return None
                needed[name] = met
            demands = tuple(sorted(needed.items(), key=lambda pair: pair[0]))
        tied = a.tied or b.tied
        if a.tied and b.tied:
            agreed = self._agreed(a.tied, b.tied)
            if agreed is None:
                return None
            tied = agreed
        return Way(b.x, demands, a.used | b.used, tied, both(b.made, a.made))

    def _beside(self, a: Way, b: Way) -> Way | None:
        """Two parts that begin with the same value, the second's values after those of the first."""
        x = self._same(a.x, b.x)
        whole = None if x is False else self._and(a, b)
        return None if whole is None else whole._replace(x=x, taken=a.taken + b.taken)

    def _same(self, a: Value, b: Value) -> Value | bool:
        """A value that is needed as both; False where it cannot be."""
        if a is None or a == b:
            return b
        if b is None:
            return a
        if ZERO in (a, b) and self.is_none(max(a, b)):
            return max(a, b)
        return False

    def _meet(self, a: Wants, b: Wants) -> Wants | None:
        """What is needed by two readers of one line."""
        if a.zeros != b.zeros:
            loose, exact = (a, b) if a.zeros else (b, a)
            if exact.open:  # which of its values are `none`s is not known
                self.cut = True
                return None
            return exact if loose.values == tuple(v for v in exact.values if v is None or not self.is_none(v)) else None
        if a.zeros:
            return a if a == b else None
        if (len(a.values) > len(b.values) and not b.open) or (len(b.values) > len(a.values) and not a.open):
            return None
        values = tuple(self._same(one, two) for one, two in zip_longest(a.values, b.values))
        return None if any(v is False for v in values) else Wants(values, a.open and b.open)

    def _agreed(self, later: Tied, earlier: Tied) -> Tied | None:
        found = {name: (values, end) for name, values, end in later}
        for name, values, end in earlier:
            allowed, last = found.get(name, (values, end))
            left = tuple(v for v in allowed if v in values)
            if not left:
                if last is not None and len(self.conflicts) < BEAM:
                    self.conflicts.append(Conflict(name, values[0], allowed[0], last))
                return None
            found[name] = left, last
        return frozenset((name, values, end) for name, (values, end) in found.items())
