"""Choices as one network meets them: given those before it, each with its options there and the value it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from math import comb
from random import Random
from typing import Literal, TypeAlias, TypeVar

from vnasdsl.language.diagnostics import UserError
from vnasdsl.space.elements import Choice, together


class NoSuchNetworkError(UserError):
    """The choices made so far leave no network: one that was fixed takes an item that only a longer list has."""


@dataclass(frozen=True)
class Decision(Choice):
    """A choice as one network meets it, and what it takes there."""

    value: str = field(default="", kw_only=True)

    @property
    def form(self) -> Literal["option", "edges", "real"]:
        """Whether it takes one of its options, several, or any number from `low` to `high`."""
        return "real" if self.is_real else "edges" if self.is_subset else "option"

    @property
    def count(self) -> int | None:
        """How many values there are; None for a real number."""
        if self.form == "real":
            return None
        if self.form == "edges":
            assert self.least is not None and self.most is not None
            return sum(comb(len(self.options), k) for k in range(self.least, self.most + 1))
        return len(self.options)

    def values(self) -> Iterator[str]:
        """Every value there is, fewer edges first. Raises: UserError for a real number."""
        if self.form == "real":
            raise UserError(
                f"choice `{self.name}` is a real number: its values cannot be listed", "fix it to one value"
            )
        if self.form == "edges":
            assert self.least is not None and self.most is not None
            for k in range(self.least, self.most + 1):
                yield from (together(taken) for taken in combinations(self.options, k))
        else:
            yield from self.options

    def draw(self, random: Random) -> str:
        """A value, all alike likely."""
        if self.form == "real":
            assert self.low is not None and self.high is not None
            number = float(f"{self.low + (self.high - self.low) * random.random():.6g}")
            return repr(min(max(number, self.low), self.high))
        if self.form == "edges":
            assert self.least is not None and self.most is not None
            counts = range(self.least, self.most + 1)
            weights = [comb(len(self.options), k) for k in counts]
            left = random.randrange(sum(weights))
            for k, weight in zip(counts, weights, strict=True):
                if left < weight:
                    return together(self.options[i] for i in sorted(random.sample(range(len(self.options)), k)))
                left -= weight
        return self.options[random.randrange(len(self.options))]

    @property
    def first(self) -> str:
        """The first value in the order of the file; of a real number the smallest."""
        if self.form == "real":
            return repr(self.low)
        return together(self.options[: self.least]) if self.form == "edges" else self.options[0]

    def refuse(self, value: str) -> UserError:
        """What to say about a text that is no value of this choice."""
        if self.form == "real":
            return UserError(f"choice `{self.name}` cannot be `{value}`", f"it lies from {self.low} to {self.high}")
        options = ", ".join(f"`{option}`" for option in self.options)
        if self.form == "edges":
            many = f"{self.least}" if self.least == self.most else f"{self.least} to {self.most}"
            help = f"it takes {many} of {options}, in this order, with ` + ` between them"
            return UserError(f"choice `{self.name}` cannot be `{value}`", help)
        return UserError(f"choice `{self.name}` has no option `{value}`", f"its options are {options}")


Decide: TypeAlias = Callable[[Decision], str]
"""From a choice (its `value` still empty) to what it takes."""


Made = TypeVar("Made")


def every(walk: Callable[[Decide], Made]) -> Iterator[Made]:
    """What a walk gives for all ways to answer it that make a network: the last choice changes first."""
    left: list[Iterator[str]] = []
    taken: list[str] = []
    depth = 0

    def decide(decision: Decision) -> str:
        nonlocal depth
        if depth == len(taken):
            left.append(decision.values())
            taken.append(next(left[-1]))
        depth += 1
        return taken[depth - 1]

    while True:
        depth = 0
        with suppress(NoSuchNetworkError):
            yield walk(decide)
        while taken:
            following = next(left[-1], None)
            if following is not None:
                taken[-1] = following
                break
            left.pop()
            taken.pop()
        if not taken:
            return
