"""Fitting text into lines: documents made of text, groups and possible line breaks, after Wadler's "prettier printer".

A group is written on one line when it fits and otherwise breaks at each of its own `Break`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

STEP = 2
"""Columns of one level of indentation."""


@dataclass(frozen=True)
class Break:
    """A place where a group may go on in the next line; `flat` is written where it does not."""

    flat: str = " "


@dataclass(frozen=True)
class HardBreak:
    """A line end that is always there."""


@dataclass(frozen=True)
class IfBroken:
    """Text that is only there when the group around it is broken."""

    text: str


@dataclass(frozen=True)
class Indent:
    content: Document


@dataclass(frozen=True)
class Group:
    """Written on one line when that ends before `width`. A loose group may stay whole though a part spans lines."""

    content: Document
    width: int | None = None
    loose: bool = False


Document: TypeAlias = "str | Break | HardBreak | IfBroken | Indent | Group | Sequence[Document]"


def join(separator: Document, parts: Iterable[Document]) -> list[Document]:
    """The parts with the separator between them."""
    joined: list[Document] = []
    for part in parts:
        if joined:
            joined.append(separator)
        joined.append(part)
    return joined


def lay_out(document: Document, width: int, indent: int = 0, step: int = STEP) -> str:
    """The text of a document in lines of at most `width` columns where its breaks allow it."""
    pieces: list[str] = []
    column = indent
    pending: list[tuple[int, bool, Document]] = [(indent, False, document)]
    while pending:
        level, flat, part = pending.pop()
        if isinstance(part, str):
            pieces.append(part)
            column += len(part)
        elif isinstance(part, Indent):
            pending.append((level + step, flat, part.content))
        elif isinstance(part, IfBroken):
            pending.append((level, flat, "" if flat else part.text))
        elif isinstance(part, Group):
            fits = flat or _fits(part, (part.width or width) - column, pending)
            pending.append((level, fits, part.content))
        elif isinstance(part, Break) and flat:
            pieces.append(part.flat)
            column += len(part.flat)
        elif isinstance(part, Break | HardBreak):
            pieces.append("\n" + " " * level)
            column = level
        else:
            pending.extend((level, flat, item) for item in reversed(part))
    return "".join(pieces)


def _fits(group: Group, room: int, behind: Sequence[tuple[int, bool, Document]]) -> bool:
    """Whether a group, with what follows it up to the next line break, ends within `room` columns."""
    inside: list[tuple[bool, Document]] = [(True, group.content)]
    following = reversed(behind)
    while room >= 0:
        in_group = bool(inside)
        if not inside:
            rest = next(following, None)
            if rest is None:
                return True
            inside, in_group = [rest[1:]], False
        flat, part = inside.pop()
        if isinstance(part, str):
            room -= len(part)
        elif isinstance(part, Break):
            if not flat:
                return True
            room -= len(part.flat)
        elif isinstance(part, HardBreak):
            return group.loose or not flat or not in_group
        elif isinstance(part, IfBroken):
            room -= 0 if flat else len(part.text)
        elif isinstance(part, Indent | Group):
            inside.append((flat, part.content))
        else:
            inside.extend((flat, item) for item in reversed(part))
    return False
