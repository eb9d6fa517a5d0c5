"""Comments as other languages write them, `// text` and `/* text */`: reported, and skipped as comments are."""

from __future__ import annotations

from collections.abc import Iterator

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label
from vnasdsl.language.lexer import END
from vnasdsl.language.source import Span
from vnasdsl.language.syntax_context import Context, Fault

COMMENT = "a comment begins with `#`"
_WORDS = 40
"""How many tokens back a `//` is searched."""


def comments(c: Context) -> Iterator[Fault]:
    """A unexpected token that begins such a comment, or is in one."""
    if c.innermost not in (None, "LBRACE"):
        return
    items, end = c.tokens.items, c.index + 1
    free = c.before is None or c.before.type in ("LBRACE", "RBRACE") or c.tokens.starts_line(c.index)
    if c.token.type == "DOUBLE_SLASH" and free:
        span = c.token.span
        while items[end].type not in ("NEWLINE", END) and not c.tokens.starts_line(end):
            end += 1
    elif c.token.text == "/" and items[end].type == "STAR" and items[end].span.start == c.token.span.end:
        span = c.token.span.to(items[end].span)
        while items[end].type != END and not (items[end - 1].type == "STAR" and items[end].text == "/"):
            end += 1
        end += items[end].type != END
    else:
        yield from _words(c)
        return
    yield c.repaired(_fault(span), ((), end - c.index), ((), end - c.index + 1))


def _words(c: Context) -> Iterator[Fault]:
    """`bn // two words`: the sign and the first word were read as a division."""
    items = c.tokens.items
    for i in range(c.index - 2, max(0, c.index - _WORDS), -1):
        if c.tokens.starts_line(i):
            return
        if items[i].type == "DOUBLE_SLASH" and items[i + 1].type != "NUMBER":
            yield Fault(_fault(items[i].span))
            return


def comment_after(layers: tree.Expression) -> Diagnostic | None:
    """`bn // word` has a tree, but no layer and no input is a quotient."""
    while isinstance(layers, (tree.Chain, tree.Choice)):
        layers = layers.items[-1] if isinstance(layers, tree.Chain) else layers.options[-1]
    if isinstance(layers, tree.Binary) and layers.op == "//":
        start = layers.span.source.text.find("//", layers.left.span.end, layers.right.span.start)
        if start >= 0:  # not a single `/`, which was repaired and reported
            return _fault(Span(layers.span.source, start, start + 2))
    return None


def _fault(span: Span) -> Diagnostic:
    return Diagnostic("E0101", f"`{span.text}` does not begin a comment", Label(span), help=COMMENT)
