"""Breaking text into lines: documents of text, groups and possible line breaks, after Wadler's "A prettier printer".

A group is written on one line if it fits, and otherwise breaks at each of its own `Break`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

STEP = 2
"""Columns of one level of indentation."""


@dataclass(frozen=True)
class Break:
    """A possible line end; `flat` is written where the line does not end.

    `closes`: only the bracket that ends an indented part follows.
    """

    flat: str = " "
    closes: bool = False


@dataclass(frozen=True)
class HardBreak:
    """A line end that is always there, with or without an empty line after it."""

    blank: bool = False
    closes: bool = False


@dataclass(frozen=True)
class IfBroken:
    """Text that is only written if the group around it is broken."""

    text: str


@dataclass(frozen=True)
class Comment:
    """A comment at the end of the line, whatever else follows on it; its length does not count."""

    text: str


@dataclass(frozen=True)
class Indent:
    content: Document


@dataclass(frozen=True)
class Group:
    """Written on one line if that fits into `width`. An `may_span` group may stay whole though a part spans lines."""

    content: Document
    width: int | None = None
    may_span: bool = False


Document: TypeAlias = "str | Break | HardBreak | IfBroken | Comment | Indent | Group | Sequence[Document]"


# How a group is written: broken at each of its breaks; on one line; or with none of its own breaks, while the groups
# inside it decide for themselves.
_BROKEN, _FLAT, _WHOLE = range(3)


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
    comments: list[str] = []
    column = indent
    pending: list[tuple[int, int, Document]] = [(indent, _BROKEN, document)]
    while pending:
        level, flat, part = pending.pop()
        kind = type(part)  # the commonest first: `fmt` spends most of its time in this loop
        if kind is list or kind is tuple:
            pending += [(level, flat, item) for item in reversed(part)]  # type: ignore[arg-type]
        elif isinstance(part, str):
            pieces.append(part)
            column += len(part)
        elif isinstance(part, Indent):
            pending.append((level + step, flat, part.content))
        elif isinstance(part, Group):
            mode, line = (_FLAT, None) if flat == _FLAT else _fits(part, (part.width or width) - column, pending)
            if line is None:
                pending.append((level, mode, part.content))
            else:
                pieces.append(line)
                column += len(line)
        elif isinstance(part, Break) and flat:
            pieces.append(part.flat)
            column += len(part.flat)
        elif isinstance(part, (Break, HardBreak)):
            _end_line(pieces, comments, level + step if part.closes else level)
            pieces.append("\n\n" if isinstance(part, HardBreak) and part.blank else "\n")
            pieces.append(" " * level)
            column = level
        elif isinstance(part, IfBroken):
            pending.append((level, flat, "" if flat else part.text))
        elif isinstance(part, Comment):
            comments.append(part.text)
    _end_line(pieces, comments, indent)
    return "".join(pieces)


def _end_line(pieces: list[str], comments: list[str], level: int) -> None:
    """Write the comments that wait for the end of the line: the first one there, the others on their own lines."""
    if comments:
        pieces.append(f"  {comments[0]}")
        pieces.extend(f"\n{' ' * level}{text}" for text in comments[1:])
        comments.clear()


def _fits(group: Group, room: int, after: Sequence[tuple[int, int, Document]]) -> tuple[int, str | None]:
    """How to write a group: flat if it fits into `room` columns together with what follows up to the next line end.

    Also the text of a flat group without comments, so that it need not be walked again.
    """
    plain = True
    line: list[str] = []
    inside: list[Document] = [group.content]
    while inside:
        part = inside.pop()
        kind = type(part)
        if kind is list or kind is tuple:
            inside += part[::-1]  # type: ignore[index]
            continue
        if isinstance(part, str):
            line.append(part)
            room -= len(part)
        elif isinstance(part, Break):
            line.append(part.flat)
            room -= len(part.flat)
        elif isinstance(part, (Indent, Group)):
            inside.append(part.content)
        elif isinstance(part, HardBreak):
            return (_WHOLE if group.may_span else _BROKEN), None
        elif isinstance(part, Comment):
            plain = False
        if room < 0:
            return _BROKEN, None
    if _end_of_line(after, room) < 0:
        return _BROKEN, None
    return _FLAT, "".join(line) if plain else None


def _end_of_line(after: Sequence[tuple[int, int, Document]], room: int) -> int:
    """The columns left of `room` at the next line end; negative if it comes too late."""
    following = reversed(after)
    inside: list[tuple[int, Document]] = []
    while room >= 0:
        if not inside:
            rest = next(following, None)
            if rest is None:
                return room
            inside = [rest[1:]]
        flat, part = inside.pop()
        kind = type(part)
        if kind is list or kind is tuple:
            inside += [(flat, item) for item in reversed(part)]  # type: ignore[arg-type]
        elif isinstance(part, str):
            room -= len(part)
        elif isinstance(part, HardBreak) or (isinstance(part, Break) and not flat):
            return room
        elif isinstance(part, Break):
            room -= len(part.flat)
        elif isinstance(part, IfBroken):
            room -= 0 if flat else len(part.text)
        elif isinstance(part, (Indent, Group)):
            inside.append((flat, part.content))
    return room
