"""Spellings of other languages and formats: `habits.toml` says how each is written here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vnasdsl.language.diagnostics import Diagnostic, Fix, Label
from vnasdsl.language.lexer import OPENING
from vnasdsl.language.source import Source, Span
from vnasdsl.language.syntax_context import Context
from vnasdsl.language.wording import SIGNS

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
