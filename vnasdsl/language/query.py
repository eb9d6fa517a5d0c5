"""What is at a place of a file: for editors, where the file is often unfinished."""

from __future__ import annotations

from dataclasses import dataclass

from vnasdsl.language import tree
from vnasdsl.language.lexer import END, KEYWORDS, Token, Tokens, lex
from vnasdsl.language.parser import state_at
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
    if any(t.type == "COMMENT" and t.span.start < offset <= t.span.end for t in lex(source, dont_ignore=True)):
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
    takes, open_ = state_at(part, len(before))
    shifted = tuple(Token(t.type, Span(source, t.span.start + begin, t.span.end + begin)) for t in before)
    keywords = frozenset(word for word in KEYWORDS if takes([word.upper()]))
    return Cursor(word, shifted, open_, keywords, takes(["NAME"]), in_string)
