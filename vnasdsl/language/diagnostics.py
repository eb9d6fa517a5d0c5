"""Errors and warnings as data: made where they are found, rendered by `render.py`.

Messages start in lower case, put names in backticks and have no full stop. `codes` explains every code.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from heapq import nlargest
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from vnasdsl.language.source import Span

COMPARED = 20
"""Known names compared letter by letter with a misspelt one: those that share most pairs of letters with it."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Label:
    """A span with a short text to show beside its underline."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Fix:
    """A replacement of one span that removes the error."""

    span: Span
    replacement: str
    description: str


@dataclass(frozen=True)
class Diagnostic:
    """One error or warning. `primary` is None only when it has no place in a file (a missing file)."""

    code: str
    message: str
    primary: Label | None = None
    severity: Severity = "error"
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    fix: Fix | None = None


def arrange(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """By file and place, each once; those without a place come first."""

    def place(d: Diagnostic) -> tuple[str, int, int, str]:
        span = d.primary.span if d.primary else None
        return (span.source.name, span.start, span.end, d.code) if span else ("", 0, 0, d.code)

    unique: dict[tuple[object, ...], Diagnostic] = {}
    for diagnostic in sorted(found, key=place):
        unique.setdefault((place(diagnostic), diagnostic.message), diagnostic)
    return tuple(unique.values())


class Error(Exception):
    """What vnasdsl raises for input that it cannot use: `VnsError` and `UserError`. Public as `vnasdsl.Error`."""


class VnsError(Error):
    """A .vns file or text cannot be used. `diagnostics` has every fault found, with code, message, place and help."""

    def __init__(self, diagnostics: Iterable[Diagnostic] | Diagnostic):
        found = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = found
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in found))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.diagnostics,)

    @property
    def report(self) -> str:
        """The faults with their lines, as `vnasdsl check` prints them."""
        from vnasdsl.language.render import render

        return render(self.diagnostics)


class UserError(Error):
    """An error outside .vns files (names, data, run folders, weights): `message`, and `help` that says what to do."""

    def __init__(self, message: str, help: str | None = None):
        self.message = message
        self.help = help
        super().__init__(message if help is None else f"{message} ({help})")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.help)


def error(code: str, message: str, span: Span | None, label: str = "", **more: object) -> VnsError:
    """A `VnsError` with one diagnostic, ready to raise."""
    primary = None if span is None else Label(span, label)
    return VnsError(Diagnostic(code, message, primary, **more))  # type: ignore[arg-type]


@cache
def _synonyms() -> dict[str, dict[str, str]]:
    """By word of another library: the names it can have here, each with a sentence that says how it is written."""
    return tomllib.loads((Path(__file__).parent / "synonyms.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=8192)
def _plain(word: str) -> str:
    return re.sub(r"[123]d$", "", word.lower().replace("_", ""))


def _synonym(word: str, known: Collection[str]) -> tuple[str, str] | None:
    names = _synonyms().get(_plain(word), {})
    return next(((name, sentence) for name, sentence in names.items() if name in known), None)


@lru_cache(maxsize=8192)
def _pairs(name: str) -> frozenset[str]:
    """Neighbouring letters: names that share most of them are alike."""
    padded = f" {name} "
    return frozenset(map("".join, pairwise(padded)))


def suggest(word: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to a misspelt one, or that has its meaning; None when there is none."""
    names = tuple(known)
    same = [name for name in names if _plain(name) == _plain(word)]
    if same:
        return min(same, key=lambda name: name.lower() != word.lower())
    synonym = _synonym(word, names)
    if synonym is not None:
        return None if synonym[1] else synonym[0]
    pairs = _pairs(word)
    likely = nlargest(COMPARED, names, key=lambda name: len(pairs & _pairs(name)))
    close = get_close_matches(word, likely, n=1, cutoff=0.65)
    return close[0] if close else None


def suggest_file(name: str, known: Iterable[str]) -> str | None:
    """The known file name nearest to a missing one; the suffix, which they share, does not count."""
    stems = {file.rpartition(".")[0]: file for file in known}
    near = suggest(name.rpartition(".")[0] or name, stems)
    return None if near is None else stems[near]


def guess(span: Span, word: str, known: Iterable[str], otherwise: str | None = None) -> Any:
    """What a diagnostic adds for an unknown word: a fix that names the one that was meant, else a help."""
    names = tuple(known)
    name = suggest(word, names)
    if name is not None:
        return {"fix": Fix(span, name, f"did you mean `{name}`?")}
    return {"help": did_you_mean(word, names) or otherwise}


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A help that names the known word that was meant, or says how it is written here; None when there is none."""
    names = tuple(known)
    name = suggest(word, names)
    if name is not None:
        return f"did you mean `{name}`?"
    synonym = _synonym(word, names)
    return synonym[1] if synonym else None
