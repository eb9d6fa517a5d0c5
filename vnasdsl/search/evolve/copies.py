"""Lists whose number of copies is a choice: one copy more or less, the choices of later copies moving along by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from vnasdsl.search.evolve.values import BETWEEN, taken

if TYPE_CHECKING:
    from vnasdsl.space.decisions import Decision

_WIDTHS = ("channels", "width", "filters", "units")
_Places = Callable[[int], list[int]]
"""From a copy to where it stands in the new list: nowhere, at one place, or at two."""


@dataclass(frozen=True)
class Copies:
    """A list of a network: `s2.stack` of three copies of which there may be 1 to 4."""

    path: str
    number: Decision
    count: int
    counts: frozenset[int]
    """How many there may be."""

    def part(self, name: str) -> tuple[int, str] | None:
        """The copy that a choice belongs to and its name within it; None when it is not of this list."""
        match = re.match(r"\[(\d+)\](.*)", name[len(self.path) :]) if name.startswith(f"{self.path}[") else None
        return (int(match[1]), match[2]) if match is not None else None

    @property
    def wire(self) -> str:
        """The name that edges read the list by: `level0` in `level0[2]`."""
        return self.path.rpartition(".")[2]


def lists(decisions: Iterable[Decision]) -> list[Copies]:
    """Every list whose number of copies is open.

    The number is called after the list (`s2.stack.number`), or is an argument of the block that the list stands in:
    `g1.module.branches` of `g1.module.concat[0]`, `g1.module.concat[1]`, ...
    """
    decisions = tuple(decisions)
    counts = _counts(decisions)
    found = []
    for decision in decisions:
        path, _, key = decision.name.rpartition(".")
        options = frozenset(int(option) for option in decision.options if option.isdigit())
        if not decision.value.isdigit() or len(options) < 2:
            continue
        count = int(decision.value)
        if key == "number" and decision.kind == "number":
            found.append(Copies(path, decision, count, options))
            continue
        inside = [place for place in counts if place.startswith(f"{path}.") and counts[place] == count]
        if len(inside) == 1 and "[" not in inside[0][len(path) :]:  # of several nobody knows which one it counts
            found.append(Copies(inside[0], decision, count, options))
    return found


def _counts(decisions: Iterable[Decision]) -> dict[str, int]:
    """How many copies there are in each list, as far as choices in them show it; without those called `number`."""
    decisions = tuple(decisions)
    seen: dict[str, set[int]] = {}
    for decision in decisions:
        for match in re.finditer(r"\[(\d+)\]", decision.name):
            seen.setdefault(decision.name[: match.start()], set()).add(int(match[1]))
    own = {d.name.removesuffix(".number") for d in decisions if d.kind == "number"}
    return {path: len(places) for path, places in seen.items() if path not in own and places == set(range(len(places)))}


def insert(decisions: Sequence[Decision], copies: Copies, at: int) -> dict[str, str]:
    """The choices with one copy more before place `at`; nothing is chosen for it yet."""
    return _moved(decisions, copies, 1, lambda i: [i if i < at else i + 1])


def delete(decisions: Sequence[Decision], copies: Copies, at: int) -> dict[str, str]:
    """The choices without copy `at`; edges that read it are gone."""
    return _moved(decisions, copies, -1, lambda i: [] if i == at else [i if i < at else i - 1])


@dataclass(frozen=True)
class Width:
    """A choice of every copy that shares a total: `channels`."""

    key: str
    """The name of the choice within a copy: `.channels`."""
    texts: dict[int, str]
    """Option by number."""


def widths(decisions: Sequence[Decision], copies: Copies, at: int) -> list[tuple[Width, int]]:
    """The whole numbers chosen in copy `at` that could be a width, each with its value."""
    found = []
    for decision in decisions:
        part = copies.part(decision.name)
        if part is None or part[0] != at or decision.form not in ("option", "number") or decision.kind == "number":
            continue
        texts = {int(option): option for option in decision.options if option.isdigit()}
        if decision.value.isdigit() and len(texts) > 1 and _is_width(decision):
            found.append((Width(part[1], texts), int(decision.value)))
    return found


def _is_width(decision: Decision) -> bool:
    return decision.kind in _WIDTHS or decision.name.rpartition(".")[2] in _WIDTHS


def splits(decisions: Sequence[Decision]) -> Iterator[tuple[Copies, int, Width, int, int]]:
    """Every way to split: the list, the copy, its width, and the widths of the two (equal, or as near as there is)."""
    for copies in lists(decisions):
        if copies.count + 1 not in copies.counts:
            continue
        for at in range(copies.count):
            for width, value in widths(decisions, copies, at):
                halves = [(a, value - a) for a in width.texts if a <= value - a and value - a in width.texts]
                if halves:
                    small, large = max(halves)
                    yield copies, at, width, large, small


def split(
    decisions: Sequence[Decision], copies: Copies, at: int, width: Width, large: int, small: int
) -> dict[str, str]:
    """Copy `at` as two of the given widths, otherwise alike; who read it reads both."""
    made = _moved(decisions, copies, 1, lambda i: [i, i + 1] if i == at else [i if i < at else i + 1])
    made[f"{copies.path}[{at}]{width.key}"] = width.texts[large]
    made[f"{copies.path}[{at + 1}]{width.key}"] = width.texts[small]
    return made


def merges(decisions: Sequence[Decision]) -> Iterator[tuple[Copies, int, Width, int]]:
    """Every way to merge a copy with the next: the list, the first of the two, the width, its value for the one."""
    for copies in lists(decisions):
        if copies.count - 1 not in copies.counts:
            continue
        for at in range(copies.count - 1):
            later = {width.key: value for width, value in widths(decisions, copies, at + 1)}
            for width, value in widths(decisions, copies, at):
                if width.key in later and value + later[width.key] in width.texts:
                    yield copies, at, width, value + later[width.key]


def merge(
    decisions: Sequence[Decision], copies: Copies, at: int, width: Width, value: int, random: Random
) -> dict[str, str]:
    """Copies `at` and `at + 1` as one; every other choice is that of either, edges those of both."""
    made = _moved(decisions, copies, -1, lambda i: [i if i <= at else i - 1], random)
    made[f"{copies.path}[{at}]{width.key}"] = width.texts[value]
    return made


def _moved(
    decisions: Sequence[Decision],
    copies: Copies,
    more: int,
    places: _Places,
    random: Random | None = None,
) -> dict[str, str]:
    """The choices with every copy at its new places. Two in one place share it: by chance, with the edges of both."""
    made: dict[str, str] = {}
    for decision in decisions:
        value = _renamed(decision, copies, places)
        part = copies.part(decision.name)
        names = [decision.name] if part is None else [f"{copies.path}[{i}]{part[1]}" for i in places(part[0])]
        if decision.name == copies.number.name:
            value = str(copies.count + more)
        for name in names:
            if name in made and decision.form == "edges":
                value = BETWEEN.join(dict.fromkeys([*taken(made[name]), *taken(value)]))
            elif name in made and random is not None and random.random() < 0.5:
                continue
            made[name] = value
    return made


def _renamed(decision: Decision, copies: Copies, places: _Places) -> str:
    """The value of a choice of edges with copies of the list at their new places; any other value as it is."""
    if decision.form != "edges":
        return decision.value
    pattern = re.compile(rf"{re.escape(copies.wire)}\[(\d+)\](.*)")
    found: list[str] = []
    for text in taken(decision.value):
        match = pattern.fullmatch(text)
        found += [text] if match is None else [f"{copies.wire}[{i}]{match[2]}" for i in places(int(match[1]))]
    return BETWEEN.join(dict.fromkeys(found))
