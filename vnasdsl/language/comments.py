"""The comments and empty lines of a file, each with its place between two words or signs.

Places are counted in the signs that the canonical form keeps. Parentheses that only group, a comma before a closing
bracket and an empty `()` before a body may come and go, so they are not counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vnasdsl.language.lexer import CLOSING, END, OPENING, Token, Tokens

_PIECE = re.compile(r"(#[^\n\r]*)|\r\n|\n|\r")


class Comment(NamedTuple):
    """`text` begins with `#` and has no trailing white space; `own_line`: nothing is before it on its line."""

    text: str
    own_line: bool
    blank: bool
    inside: bool | None = None
    """Whether parentheses that only group end after it, or before it; None where none end between the same signs."""


class Trivia(NamedTuple):
    """What is between two counted signs: comments, then perhaps an empty line."""

    comments: tuple[Comment, ...]
    blank: bool


class TriviaTable(NamedTuple):
    """`by_place[k]` comes before the counted sign k (from 0) of `signs`; empty places are left out."""

    by_place: dict[int, Trivia]
    signs: int

    @property
    def comments(self) -> list[str]:
        return [c.text for place in sorted(self.by_place) for c in self.by_place[place].comments]


def find_trivia(tokens: Tokens) -> TriviaTable:
    """The comments and empty lines of a file without syntax errors."""
    uncounted = set(_uncounted(tokens.items))
    text = tokens.source.text
    by_place: dict[int, Trivia] = {}
    found: list[Comment] = []
    closed = False
    count = 0
    end = 0
    for i, token in enumerate(tokens.items):
        if token.type == "NEWLINE":
            continue
        span = token.span
        blank = False
        if span.start - end > 1:
            comments, blank = _between(text[end : span.start], first=end == 0)
            found += [comment._replace(inside=False) for comment in comments] if closed else comments
        end = span.end
        if i in uncounted:
            if token.type == "RPAR":
                found = [comment._replace(inside=True) for comment in found]
                closed = True
            continue
        if blank or found:
            by_place[count] = Trivia(tuple(found), blank)
            found = []
        closed = False
        count += token.type != END
    return TriviaTable(by_place, count)


def _between(text: str, first: bool) -> tuple[list[Comment], bool]:
    """The comments between two signs, and whether an empty line follows them."""
    comments: list[Comment] = []
    line_ends = 0
    for piece in _PIECE.finditer(text):
        if piece[1] is None:
            line_ends += 1
            continue
        own_line = line_ends > 0 or first or bool(comments)
        comments.append(Comment(piece[1].rstrip(), own_line, line_ends > 1))
        line_ends = 0
    return comments, line_ends > 1


class _Open(NamedTuple):
    place: int
    is_group: bool
    commas: list[int]


def _uncounted(tokens: list[Token]) -> Iterator[int]:
    """The places in `tokens` of the signs that the canonical form may lack."""
    open_: list[_Open] = []
    before = ""
    for i, token in enumerate(tokens):
        kind = token.type
        if kind in OPENING:
            open_.append(_Open(i, kind == "LPAR" and before != "NAME", []))
        elif kind == "COMMA":
            open_[-1].commas.append(i)
        elif kind in CLOSING:
            opening = open_.pop()
            if opening.is_group and not opening.commas:
                yield from (opening.place, i)
            elif before == "COMMA" and not (opening.is_group and len(opening.commas) == 1):
                yield i - 1
            elif before == "LPAR" and tokens[i + 1].type == "LBRACE":
                yield from (opening.place, i)
        before = kind
