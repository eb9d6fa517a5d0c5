"""What stands at a place of a text: for editors, where the text is often not finished."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from vnasdsl.language import tree
from vnasdsl.language.lexer import END, KEYWORDS, Token, Tokens
from vnasdsl.language.parser import accepted
from vnasdsl.language.source import Source, Span
from vnasdsl.language.walk import children

_STAND_IN = "x"
"""What is parsed in the place of the word being typed: a name, which lets the line go on."""


def path_at(root: tree.Node, offset: int) -> tuple[tree.Node, ...]:
    """The nodes around a place, from the outermost in. Touching an end counts."""
    path = [root]
    while True:
        inner = next((c for c in children(path[-1]) if c.span.start <= offset <= c.span.end), None)
        if inner is None:
            return tuple(path)
        path.append(inner)


def with_gaps(module: tree.Module, offsets: Iterable[int]) -> tree.Module:
    """The tree with a gap for every line that holds one of these places: how it was repaired there is only a guess."""
    for offset in offsets:
        path = path_at(module, offset)
        for depth in range(len(path) - 1, 0, -1):
            node = path[depth]
            if isinstance(node, (tree.Line, tree.Wire)):
                gap = tree.Line(tree.Gap(span=node.span), span=node.span)
                module = _replaced(path[:depth], node, gap)
                break
    return module


def _replaced(path: tuple[tree.Node, ...], old: tree.Node, new: tree.Node) -> tree.Module:
    """The outermost node of a path with a node inside the innermost one replaced."""
    for node in reversed(path):
        changes: dict[str, object] = {}
        for field in fields(node):
            value = getattr(node, field.name)
            if value is old:
                changes[field.name] = new
            elif isinstance(value, tuple) and any(item is old for item in value):
                changes[field.name] = tuple(new if item is old else item for item in value)
        old, new = node, replace(node, **changes)  # type: ignore[arg-type]
    assert isinstance(new, tree.Module)
    return new


def renamed(module: tree.Module, places: Iterable[int], old: str, new: str) -> tree.Module:
    """The tree of the text with the name `old` at some places replaced by another that is no keyword.

    Every name is read alike, so nothing has to be parsed again; spans are those of the text as it was.
    """
    starts = sorted(places)

    def change(node: tree.Node) -> tree.Node:
        first = bisect_left(starts, node.span.start)
        if first == len(starts) or starts[first] >= node.span.end:
            return node
        changes: dict[str, object] = {}
        for field in fields(node):
            value = getattr(node, field.name)
            if isinstance(value, tree.Node):
                changes[field.name] = change(value)
            elif isinstance(value, tuple):
                changes[field.name] = tuple(change(item) if isinstance(item, tree.Node) else item for item in value)
        name, place = _NAMES.get(type(node), ("", ""))
        if name and getattr(node, name) == old and getattr(node, place).start in starts:
            changes[name] = new
        return replace(node, **changes)  # type: ignore[arg-type]

    changed = change(module)
    assert isinstance(changed, tree.Module)
    return changed


_NAMES = {
    tree.Name: ("id", "span"),
    tree.Call: ("function", "function_span"),
    tree.Argument: ("name", "span"),
    tree.Parameter: ("name", "span"),
    **dict.fromkeys((tree.Wire, tree.Input, tree.Stage), ("name", "name_span")),
    **dict.fromkeys((tree.Block, tree.Space, tree.Network, tree.Recipe), ("name", "name_span")),
}
"""Where a node has a name, and where that stands."""


@dataclass(frozen=True)
class Cursor:
    """The place where a word is being typed, and what stands before it in its definition."""

    word: Span
    """The part of the word that is there already; empty between words."""
    before: tuple[Token, ...]
    """From the beginning of the definition up to the word; line ends that count are among them."""
    open: tuple[int, ...]
    """Brackets open at the word, outermost first: places in `before`."""
    keywords: frozenset[str]
    """The keywords that the grammar takes here."""
    takes_name: bool
    in_string: bool = False

    @property
    def statement(self) -> tuple[Token, ...]:
        """What stands before the word in its statement (or, inside round brackets, behind the bracket)."""
        start = self.open[-1] + 1 if self.open else 0
        depth = 0
        for i in range(start, len(self.before)):
            kind = self.before[i].type
            depth += (kind in ("LPAR", "LSQB", "LBRACE")) - (kind in ("RPAR", "RSQB", "RBRACE"))
            if kind == "NEWLINE" and depth == 0:
                start = i + 1
        return self.before[start:]


def cursor_at(tokens: Tokens, offset: int) -> Cursor | None:
    """What surrounds a place; None inside a comment."""
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
    """Whether a `#` stands before a place in its line, outside of strings."""
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
            # A line end that counts stands only directly in braces.
            while open_ and tokens[open_[-1]].type != "LBRACE":
                open_.pop()
    return open_
