"""What is wrong with a text, as data: made where the fault is found, rendered by `render.py`.

Messages start in lower case, put names in backticks and have no full stop. Every code stands once in `CODES`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from vnasdsl.language.source import Span

Severity = Literal["error", "warning"]

CODES: dict[str, str] = {
    # E01: the text itself
    "E0101": "unexpected text",
    "E0102": "text is not UTF-8",
    "E0103": "file cannot be read",
    "E0104": "unterminated string or bracket",
    "E0105": "text is too large or nested too deeply",
    "E0106": "number out of range",
    "E0107": "construct not supported yet",
    # E02: names
    "E0201": "unknown layer or block",
    "E0202": "unknown name",
    "E0203": "name defined twice",
    "E0204": "two labels alike",
    "E0205": "name not allowed",
    "E0206": "unknown space or network",
    "E0207": "recursive block",
    # E03: arguments and values
    "E0301": "wrong arguments",
    "E0302": "wrong kind of value",
    "E0303": "value out of range",
    "E0304": "missing or misplaced statement",
    # E04: shapes
    "E0401": "shape becomes empty",
    "E0402": "shapes do not fit",
    "E0403": "wrong number of dimensions",
    # E05: choices
    "E0501": "choice changes the shape where it may not",
    "E0502": "too large to expand",
    "E0503": "network leaves a choice open",
    "E0504": "unknown choice or option",
    "E0505": "limit cannot be met",
    # E06: membership
    "E0601": "network is not in the space it claims",
    # E07: imports
    "E0701": "import outside the project",
    "E0702": "imports in a circle",
    "E0703": "imported file not found",
    # E08: recipes
    "E0801": "unknown recipe key",
    "E0802": "wrong recipe value",
    "E0803": "recipe for another space",
    "E0804": "unknown recipe",
    # W: warnings
    "W0401": "operation without effect at this size",
    "W0505": "limit that every network meets",
}


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

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"diagnostic code {self.code} is not registered in CODES")


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
    names = list(known)
    for name in names:
        if name.lower() == word.lower():
            return name
    close = get_close_matches(word, names, n=1)
    return close[0] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A help text naming the nearest known name, or None."""
    name = suggest(word, known)
    return None if name is None else f"did you mean `{name}`?"
