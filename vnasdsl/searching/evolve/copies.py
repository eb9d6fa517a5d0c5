"""Lists whose number of copies is a choice: one copy more or less, the choices of later copies moving along by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from vnasdsl.space.decisions import Decision
from vnasdsl.space.elements import picked, together

Change = tuple[str, Callable[[Random], dict[str, str]]]
"""What would change in words, and the choices after it; those of a new copy are missing."""
Places = Sequence[Sequence[int]]
"""The new places of every copy: none where it is removed, two where it is split."""
_WIDTHS = ("channels", "width", "filters", "units")
_INDEX = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True)
class Copies:
    """A list of a network: `s2.stack` with three copies, of which there may be one more, or one less."""

    decisions: Sequence[Decision]
    path: str
    number: Decision
    count: int

    def part(self, name: str) -> tuple[int, str] | None:
        """The copy that a choice belongs to and its name within it; None when it is not in this list."""
        match = re.match(r"\[(\d+)\](.*)", name[len(self.path) :]) if name.startswith(f"{self.path}[") else None
        return (int(match[1]), match[2]) if match is not None else None

    def changed(self, places: Places, more: int, what: str, widths: Mapping[str, str] | None = None) -> Change:
        """The list with `more` copies more; widths: the values of some choices afterwards."""
        text = f"{self.path}: {self.count} -> {self.count + more}, {what}"
        return text, partial(self._moved, places, {self.number.name: str(self.count + more), **(widths or {})})

    def widths(self, at: int) -> dict[str, tuple[int, Mapping[int, str]]]:
        """The widths in copy `at` by their name within it (`.channels`): the value, and the options by number."""
        found: dict[str, tuple[int, Mapping[int, str]]] = {}
        for decision in self.decisions:
            part = self.part(decision.name)
            is_width = decision.kind in _WIDTHS or decision.name.rpartition(".")[2] in _WIDTHS
            if part is not None and part[0] == at and is_width and decision.value.isdigit():
                texts = {int(option): option for option in decision.options if option.isdigit()}
                if len(texts) > 1:
                    found[part[1]] = int(decision.value), texts
        return found

    def _moved(self, places: Places, changed: Mapping[str, str], random: Random) -> dict[str, str]:
        """The choices with every copy at its new places. Two in one place share it: by chance, with the edges of
        both."""
        made: dict[str, str] = {}
        for decision in self.decisions:
            value = self._renamed(decision, places)
            part = self.part(decision.name)
            names = [decision.name] if part is None else [f"{self.path}[{i}]{part[1]}" for i in places[part[0]]]
            for name in names:
                if name in made and decision.form == "edges":
                    made[name] = together(dict.fromkeys([*picked(made[name]), *picked(value)]))
                elif name not in made or random.random() < 0.5:
                    made[name] = value
        return {**made, **changed}

    def _renamed(self, decision: Decision, places: Places) -> str:
        """The value of a choice of edges with the copies it reads at their new places; any other value as it is."""
        if decision.form != "edges":
            return decision.value
        wire = self.path.rpartition(".")[2]  # edges read `level0[2]`, without the path of the list
        pattern = re.compile(rf"{re.escape(wire)}\[(\d+)\](.*)")
        found: list[str] = []
        for text in picked(decision.value):
            match = pattern.fullmatch(text)
            found += [text] if match is None else [f"{wire}[{i}]{match[2]}" for i in places[int(match[1])]]
        return together(dict.fromkeys(found))


def lists(decisions: Sequence[Decision], more: int) -> Iterator[Copies]:
    """Every list that may have `more` copies more than it has.

    The number is called after the list (`s2.stack.number`), or is an argument of the block around the list:
    `g1.module.branches` of `g1.module.concat[0]`, `g1.module.concat[1]`, ...
    """
    unnamed = _unnumbered(decisions)
    for decision in decisions:
        path, _, key = decision.name.rpartition(".")
        options = {int(option) for option in decision.options if option.isdigit()}
        if not decision.value.isdigit() or int(decision.value) + more not in options:
            continue
        count = int(decision.value)
        if key == "number" and decision.kind == "number":
            yield Copies(decisions, path, decision, count)
            continue
        inside = [place for place, number in unnamed.items() if place.startswith(f"{path}.") and number == count]
        if len(inside) == 1 and "[" not in inside[0][len(path) :]:  # of several lists it may count any
            yield Copies(decisions, inside[0], decision, count)


def _unnumbered(decisions: Sequence[Decision]) -> dict[str, int]:
    """The lists without a choice called `number`, and how many copies they have as far as choices in them show it."""
    seen: dict[str, set[int]] = {}
    for decision in decisions:
        for match in _INDEX.finditer(decision.name):
            seen.setdefault(decision.name[: match.start()], set()).add(int(match[1]))
    own = {d.name.removesuffix(".number") for d in decisions if d.kind == "number"}
    return {path: len(places) for path, places in seen.items() if path not in own and places == set(range(len(places)))}


def inserts(decisions: Sequence[Decision]) -> Iterator[Change]:
    """Every way to insert a copy; nothing is chosen for it yet."""
    for copies in lists(decisions, 1):
        for at in range(copies.count + 1):
            yield copies.changed([[i + (i >= at)] for i in range(copies.count)], 1, f"new [{at}]")


def deletes(decisions: Sequence[Decision]) -> Iterator[Change]:
    """Every way to remove a copy; edges that read it are gone."""
    for copies in lists(decisions, -1):
        for at in range(copies.count):
            places = [[] if i == at else [i - (i > at)] for i in range(copies.count)]
            yield copies.changed(places, -1, f"without [{at}]")


def splits(decisions: Sequence[Decision]) -> Iterator[Change]:
    """Every way to make two of a copy that share its width (equally, or nearly so); who read it reads both."""
    for copies in lists(decisions, 1):
        for at in range(copies.count):
            places = [[i, i + 1] if i == at else [i + (i > at)] for i in range(copies.count)]
            for key, (value, texts) in copies.widths(at).items():
                halves = [(a, value - a) for a in texts if a <= value - a and value - a in texts]
                if halves:
                    small, large = max(halves)
                    first, second = (f"{copies.path}[{place}]{key}" for place in (at, at + 1))
                    widths = {first: texts[large], second: texts[small]}
                    yield copies.changed(places, 1, f"[{at}] into {large} and {small}", widths)


def merges(decisions: Sequence[Decision]) -> Iterator[Change]:
    """Every way to make one of two neighbouring copies, as wide as both; other choices are those of either, edges those
    of both."""
    for copies in lists(decisions, -1):
        for at in range(copies.count - 1):
            places = [[i - (i > at)] for i in range(copies.count)]
            later = copies.widths(at + 1)
            for key, (value, texts) in copies.widths(at).items():
                if key in later and value + later[key][0] in texts:
                    both = value + later[key][0]
                    widths = {f"{copies.path}[{at}]{key}": texts[both]}
                    yield copies.changed(places, -1, f"[{at}] and [{at + 1}] into {both}", widths)
