"""What is at a place of a file: for editors, where the file is often unfinished."""

from __future__ import annotations

from dataclasses import dataclass

from vnasdsl.language import tree
from vnasdsl.language.lexer import END, KEYWORDS, Token, Tokens
from vnasdsl.language.parser import accepted
from vnasdsl.language.source import Source, Span
from vnasdsl.language.walk import children

_STAND_IN = "x"
"""Parsed in place of the word being typed: a name, after which the line can continue."""


def path_at(root: tree.Node, offset: int) -> tuple[tree.Node, ...]:
    """The nodes around a place, outermost first. Touching an end counts."""
    path = [root]
    while True:
        inner = next((c for c in children(path[-1]) if c.span.start <= offset <= c.span.end), None)
        if inner is None:
            return tuple(path)
        path.append(inner)


@dataclass(frozen=True)
class Cursor:
    """The place where a word is being typed, and what is before it in its definition."""

    word: Span
    """The part of the word typed so far; empty between words."""
    before: tuple[Token, ...]
    """The tokens from the beginning of the definition up to the word, line ends that count included."""
    open: tuple[int, ...]
    """The brackets open at the word, outermost first: places in `before`."""
    keywords: frozenset[str]
    """The keywords that the grammar accepts here."""
    takes_name: bool
    in_string: bool = False

    @property
    def statement(self) -> tuple[Token, ...]:
        """What is before the word in its statement, or after the innermost bracket."""
        start = self.open[-1] + 1 if self.open else 0
        depth = 0
        for i in range(start, len(self.before)):
            kind = self.before[i].type
            depth += (kind in ("LPAR", "LSQB", "LBRACE")) - (kind in ("RPAR", "RSQB", "RBRACE"))
            if kind == "NEWLINE" and depth == 0:
                start = i + 1
        return self.before[start:]


def cursor_at(tokens: Tokens, offset: int) -> Cursor | None:
    """The cursor at a place; None inside a comment."""
    source = tokens.source
    line_start = source.text.rfind("\n", 0, offset) + 1
    items = [token for token in tokens.items if token.span.start < offset and token.type != END]
    word = Span(source, offset, offset)
    in_string = False
    if items and items[-1].span.end >= offset and items[-1].type in ("STRING", "BAD_STRING", "QUOTED"):
        closed = items[-1].type == "STRING" and items[-1].span.end == offset
        if not closed:
            in_string = True
            word = Span(source, items[-1].span.start + 1, offset)
    elif items and items[-1].span.end >= offset and items[-1].text.replace("_", "a").isalnum():
        word = Span(source, items[-1].span.start, offset)
    if not in_string and _in_comment(tokens, line_start, offset):
        return None
    end = items[-1].span.start if in_string or word.start < offset else offset
    begin = 0
    for i, token in enumerate(tokens.items):
        if token.span.start >= end:
            break
        if tokens.starts_definition(i):
            begin = token.span.start
    text = source.text[begin:end] + ('"' if in_string else "") + _STAND_IN + ('"' if in_string else "")
    part = Tokens(Source(source.name, text))
    before = part.items[:-2]
    open_ = _open_brackets(before)
    takes = accepted(part, len(before))
    shifted = tuple(Token(t.type, Span(source, t.span.start + begin, t.span.end + begin)) for t in before)
    keywords = frozenset(word for word in KEYWORDS if takes([word.upper()]))
    return Cursor(word, shifted, tuple(open_), keywords, takes(["NAME"]), in_string)


def _in_comment(tokens: Tokens, line_start: int, offset: int) -> bool:
    """Whether a `#` is before a place in its line, outside strings."""
    text = tokens.source.text
    place = text.find("#", line_start, offset)
    while place >= 0:
        if not any(t.span.start < place < t.span.end for t in tokens.items if t.span.start >= line_start):
            return True
        place = text.find("#", place + 1, offset)
    return False


def _open_brackets(tokens: list[Token]) -> list[int]:
    open_: list[int] = []
    pairs = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}
    for i, token in enumerate(tokens):
        if token.type in pairs.values():
            open_.append(i)
        elif token.type in pairs:
            while open_:
                if tokens[open_.pop()].type == pairs[token.type]:
                    break
        elif token.type == "NEWLINE":
            # A line end that counts is only directly inside braces.
            while open_ and tokens[open_[-1]].type != "LBRACE":
                open_.pop()
    return open_
