"""What is wrong with a text, as data: made where the fault is found, rendered by `render.py`.

Messages start in lower case, put names in backticks and have no full stop. Every code stands once in `codes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from vnasdsl.language.limits import MAX_SUGGESTIONS
from vnasdsl.language.source import Span

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Label:
    """A span with a short text to stand beside its underline."""

    span: Span
    text: str = ""


@dataclass(frozen=True)
class Fix:
    """A replacement of one span that removes the fault."""

    span: Span
    replacement: str
    description: str


@dataclass(frozen=True)
class Diagnostic:
    """One fault. `primary` is None only where a fault has no place in a text (a missing file)."""

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


class VnsError(Exception):
    """Raised when a text cannot be used; carries every diagnostic found so far."""

    def __init__(self, diagnostics: Iterable[Diagnostic] | Diagnostic):
        found = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = found
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in found))


class UserError(Exception):
    """A fault of input that has no place in a .vns text (data, run folders, checkpoints): a message and a remedy."""

    def __init__(self, message: str, help: str | None = None):
        self.message = message
        self.help = help
        super().__init__(message if help is None else f"{message} ({help})")


def error(code: str, message: str, span: Span | None, label: str = "", **more: object) -> VnsError:
    """A `VnsError` with one diagnostic, ready to raise."""
    primary = None if span is None else Label(span, label)
    return VnsError(Diagnostic(code, message, primary, **more))  # type: ignore[arg-type]


def suggest(word: str, known: Iterable[str]) -> str | None:
    """The known name nearest to a misspelt one, or None."""
    names = list(known)[:MAX_SUGGESTIONS]
    for name in names:
        if name.lower() == word.lower():
            return name
    close = get_close_matches(word, names, n=1, cutoff=0.65)
    return close[0] if close else None


def suggest_file(name: str, known: Iterable[str]) -> str | None:
    """The known file name nearest to one that is not there; the suffix, which they share, does not count."""
    stems = {file.rpartition(".")[0]: file for file in known}
    near = suggest(name.rpartition(".")[0] or name, stems)
    return None if near is None else stems[near]


def guess(span: Span, word: str, known: Iterable[str], otherwise: str | None = None) -> Any:
    """What a diagnostic adds for a misspelt word: a fix that names the nearest known one, else the help `otherwise`."""
    name = suggest(word, known)
    return {"help": otherwise} if name is None else {"fix": Fix(span, name, f"did you mean `{name}`?")}


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A help text naming the nearest known name, or None."""
    name = suggest(word, known)
    return None if name is None else f"did you mean `{name}`?"
