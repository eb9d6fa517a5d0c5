"""Where the parser met a token that no rule takes, and what it is told to do about it."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vnasdsl.language.diagnostics import Diagnostic, Fix, Label
from vnasdsl.language.lexer import END, KEYWORDS, OPENING, Token, Tokens
from vnasdsl.language.source import Source, Span

# ------------------------------------------------------ words for tokens and characters

KEYWORD_TYPES = frozenset(word.upper() for word in KEYWORDS)
DEFINITION_TYPES = frozenset({"BLOCK", "SPACE", "NETWORK", "IMPORT", "TIED"})

SIGNS = {
    "ARROW": "->", "VBAR": "|", "EQUAL": "=", "COMMA": ",", "LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]",
    "LBRACE": "{", "RBRACE": "}", "COLON": ":", "DOT": ".", "PLUS": "+", "MINUS": "-", "STAR": "*",
    "DOUBLE_SLASH": "//", "DOUBLE_DOT": "..", "LESSTHAN": "<", "LESS_EQUAL": "<=", "MORETHAN": ">",
    "GREATER_EQUAL": ">=", "EQUAL_EQUAL": "==", "NOT_EQUAL": "!=",
}  # fmt: skip
COMPARISONS = frozenset({"LESSTHAN", "LESS_EQUAL", "MORETHAN", "GREATER_EQUAL", "EQUAL_EQUAL", "NOT_EQUAL"})
_VALUE_STARTS = frozenset({"NAME", "NUMBER", "DIMS", "STRING", "LPAR", "LSQB", "MINUS", "PICK"})
_STATEMENT_STARTS = frozenset({"INPUT", "STAGE", "REQUIRE", "OUT"})
# Nearly everything may follow a complete value; these are left out to keep the message readable.
_UNLIKELY = frozenset({"IF", "PLUS", "MINUS", "STAR", "DOUBLE_SLASH", "DOUBLE_DOT", "LPAR", "LBRACE"})
_WORDS = {
    "NAME": "a name",
    "STRING": "a string",
    "NUMBER": "a number",
    "NEWLINE": "the end of the line",
    END: "the end of the text",
}

TERMINALS = frozenset({*SIGNS, *KEYWORD_TYPES, *_WORDS, "DIMS"})
"""Every terminal but those for wrong characters."""


def alternatives(accepted: Set[str]) -> str:
    """The terminals that could come next, in words, most likely first; unlikely ones are left out."""
    kinds = set(accepted)
    names: list[str] = []
    if kinds >= _VALUE_STARTS:
        kinds -= _VALUE_STARTS
        names.append("a statement" if kinds & _STATEMENT_STARTS else "a layer or a value")
        kinds -= _STATEMENT_STARTS | {"RSQB", "RPAR", "RBRACE"}
    elif kinds >= COMPARISONS:
        kinds -= COMPARISONS | _UNLIKELY
        names.append("a comparison such as `<=`")
    elif "PLUS" in kinds and kinds - _UNLIKELY:
        kinds -= _UNLIKELY
    if "NEWLINE" in kinds or END in kinds:
        kinds -= {"RBRACE"}
    if kinds >= DEFINITION_TYPES:
        kinds -= DEFINITION_TYPES | {"NAME"}
        names.append("a definition")
    if {"NEWLINE", END} <= kinds:
        kinds -= {END}
    names.extend(f"`{SIGNS[kind]}`" for kind in SIGNS if kind in kinds)
    names.extend(f"`{kind.lower()}`" for kind in sorted(kinds & KEYWORD_TYPES))
    names.extend(word for kind, word in _WORDS.items() if kind in kinds)
    if not names:
        return "something else"
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]


def shorten(text: str) -> str:
    """A text short enough for a message."""
    return text if len(text) <= 40 else text[:37] + "..."


def character(text: str) -> str:
    """A character in words: as it is if that is readable, else by its number and name."""
    if text.isascii() and text.isprintable():
        return f"`{text}`"
    name = unicodedata.name(text, "")
    code = f"U+{ord(text):04X}"
    return f"`{text}` ({code} {name})" if text.isprintable() and name else f"{code} {name}".strip()


class Fault(NamedTuple):
    """A diagnostic and how to continue: without some tokens, from the top of the file, or (neither) after the
    statement."""

    diagnostic: Diagnostic
    removed: int = 0
    to_top: bool = False


@dataclass(frozen=True)
class Context:
    """A syntax error: the tokens, the unexpected one, what is being read, and the places of open brackets."""

    tokens: Tokens
    index: int
    start: str
    open: Sequence[int]
    takes: Callable[[Sequence[str]], bool]

    @property
    def token(self) -> Token:
        return self.tokens.items[self.index]

    @property
    def before(self) -> Token | None:
        return self.tokens.items[self.index - 1] if self.index else None

    @property
    def innermost(self) -> str | None:
        return self.tokens.items[self.open[-1]].type if self.open else None

    @property
    def line_ended(self) -> bool:
        """Whether the line ended too early: at a line end, or after a sign that made the parser look further."""
        if self.token.type in ("NEWLINE", END):
            return True
        if self.before is None or self.before.type in ("NEWLINE", "LBRACE"):
            return False
        return self.innermost in (None, "LBRACE") and self.tokens.starts_line(self.index)


# ---------------------------------- habits: `habits.toml` says how each is written here

LONGEST_LINE = 1000
"""Longer lines are not searched: nobody writes them, and searching them takes long."""


class Habit(NamedTuple):
    """One entry of the file."""

    pattern: re.Pattern[str]
    message: str
    help: str | None = None
    fix: str | None = None
    inside: str | None = None
    file: bool = False


@cache
def _habits() -> list[Habit]:
    table = tomllib.loads((Path(__file__).parent / "habits.toml").read_text(encoding="utf-8"))
    return [Habit(**{**entry, "pattern": re.compile(entry["pattern"], re.MULTILINE)}) for entry in table["habit"]]


def habits(c: Context) -> Iterator[Diagnostic]:
    """The first of these spellings that the unexpected token is a part of, if any."""
    source, place = c.token.span.source, c.token.span.start
    number = c.token.span.line
    begin = source.line_starts[number - 1]
    line = source.line(number)
    if len(line) > LONGEST_LINE:
        return
    for habit in _habits():
        if habit.file or not _is_inside(c, habit.inside):
            continue
        for match in habit.pattern.finditer(line):
            if match.start() <= place - begin <= match.end():
                yield _diagnostic(source, habit, match, begin)


def other_format(source: Source) -> Diagnostic | None:
    """What is said about a file that is not meant to be a .vns file, or that git left with two versions in it."""
    for habit in _habits():
        match = habit.pattern.search(source.text) if habit.file else None
        if match is not None:
            return _diagnostic(source, habit, match, 0)
    return None


def _is_inside(c: Context, bracket: str | None) -> bool:
    if bracket is None:
        return True
    return (SIGNS[c.innermost] if c.innermost in OPENING else "") == bracket


def _group(match: re.Match[str], *names: str) -> str | int:
    return next((name for name in names if name in match.re.groupindex), 0)


def _diagnostic(source: Source, habit: Habit, match: re.Match[str], begin: int) -> Diagnostic:
    here, old = _group(match, "here"), _group(match, "old", "here")

    def filled(template: str) -> str:
        return re.sub(r"\$(here|[0-9])", lambda name: match[int(name[1]) if name[1].isdigit() else here], template)

    def span(group: str | int) -> Span:
        return Span(source, begin + match.start(group), begin + match.end(group))

    fix = None if habit.fix is None else Fix(span(old), filled(habit.fix), f"write `{filled(habit.fix).strip()}`")
    help = None if habit.help is None else filled(habit.help)
    return Diagnostic("E0101", filled(habit.message), Label(span(here)), help=help, fix=fix)
