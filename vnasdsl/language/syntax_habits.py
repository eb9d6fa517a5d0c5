"""Mistakes that come from other languages: what was meant is known, so it can be said and mostly put right."""

from __future__ import annotations

from collections.abc import Iterator

from vnasdsl.language.checks import RECIPE_KINDS
from vnasdsl.language.diagnostics import Diagnostic, Fix, Label, suggest
from vnasdsl.language.source import Span
from vnasdsl.language.syntax_comments import COMMENT, comments
from vnasdsl.language.syntax_context import Context, Fault
from vnasdsl.language.wording import COMPARISONS, shorten

_DEFINITIONS = ("block", "space", "network")
_MAGNITUDES = ("K", "M", "G", "T")
_STATEMENTS = {
    "IF": "a condition stands inside a line: `basic(1) if stride > 1 else basic(2)`",
    "FOR": "copies of a layer are written `4 * basic(1)`",
    "STAR": COMMENT,
}


def habits(c: Context) -> Iterator[Fault]:
    """The first of these mistakes that fits, if any."""
    for rule in (
        _definition,
        _arrow,
        comments,
        _loop,
        _magnitude,
        _copies,
        _arguments,
        _commas,
        _several_limits,
        _colon,
    ):
        yield from rule(c)


def _fault(span: Span, message: str, help: str | None = None, fix: Fix | None = None) -> Diagnostic:
    return Diagnostic("E0101", message, Label(span), help=help, fix=fix)


def _written(span: Span, text: str) -> Fix:
    return Fix(span, text, f"write `{text}`")


def _follows(c: Context, offset: int) -> bool:
    """Whether a token stands directly behind the one before it, or with one space between (`- >`)."""
    items = c.tokens.items
    i = c.index + offset
    return 0 < i < len(items) and 0 <= items[i].span.start - items[i - 1].span.end <= 1


def _definition(c: Context) -> Iterator[Fault]:
    """`blok basic(n) {`: two names could be the beginning of a recipe, but what follows is no `for`."""
    if (
        c.open
        or c.index < 2
        or not c.tokens.starts_line(c.index - 2)
        or c.token.type not in ("LPAR", "LBRACE", "COLON")
    ):
        return
    word, name = c.tokens.items[c.index - 2 : c.index]
    if word.type == name.type == "NAME" and word.text not in RECIPE_KINDS:
        near = suggest(word.text, _DEFINITIONS)
        fix = Fix(word.span, near, f"did you mean `{near}`?") if near else None
        message = f"expected `block`, `space`, `network`, `import` or a recipe, found `{shorten(word.text)}`"
        yield Fault(_fault(word.span, message, fix=fix))


def _arrow(c: Context) -> Iterator[Fault]:
    """`=>` and `- >`."""
    items = c.tokens.items
    if c.token.type == "EQUAL" and items[c.index + 1 : c.index + 2] and items[c.index + 1].type == "MORETHAN":
        if _follows(c, 1):
            span = c.token.span.to(items[c.index + 1].span)
            yield c.repaired(_fault(span, "expected `->`, found `=>`", fix=_written(span, "->")), (("ARROW",), 2))
    elif c.token.type == "MORETHAN" and c.before is not None and c.before.type == "MINUS" and _follows(c, 0):
        span = c.before.span.to(c.token.span)
        yield Fault(_fault(span, f"expected `->`, found `{span.text}`", fix=_written(span, "->")))


def _loop(c: Context) -> Iterator[Fault]:
    after = c.tokens.items[c.index + 1].type if c.index + 1 < len(c.tokens.items) else ""
    if after == "EQUAL" or c.innermost not in (None, "LBRACE"):
        return
    if c.token.type in _STATEMENTS and c.tokens.starts_line(c.index):
        yield Fault(_fault(c.token.span, f"`{c.token.text}` cannot begin a statement", _STATEMENTS[c.token.type]))


def _magnitude(c: Context) -> Iterator[Fault]:
    """`20 G`."""
    before = c.before
    if before is not None and before.type == "NUMBER" and c.token.text in _MAGNITUDES and not c.line_ended:
        span = before.span.to(c.token.span)
        fix = _written(span, before.text + c.token.text)
        yield c.repaired(_fault(span, f"`{c.token.text}` stands apart from its number", fix=fix), ((), 1))


def _copies(c: Context) -> Iterator[Fault]:
    """`2 basic(1)`."""
    before = c.before
    if before is None or before.type != "NUMBER" or c.token.type != "NAME" or c.innermost != "LBRACE" or c.line_ended:
        return
    if c.works(("STAR",), 0) and c.token.text not in _MAGNITUDES:
        fix = _written(before.span.to(c.token.span), f"{before.text} * {c.token.text}")
        diagnostic = _fault(c.token.span, f"expected `*`, found `{c.token.text}`", fix=fix)
        yield Fault(diagnostic, ("STAR",), 0)


def _arguments(c: Context) -> Iterator[Fault]:
    """`conv 16` and `conv[16]`."""
    before = c.before
    if before is None or before.type != "NAME" or c.innermost not in (None, "LBRACE") or c.line_ended:
        return
    if c.token.type in ("NUMBER", "DIMS", "STRING", "LSQB") and c.takes(["LPAR"]):
        yield Fault(
            _fault(
                c.token.span, f"the arguments of `{before.text}` stand in parentheses", f"write `{before.text}(...)`"
            )
        )


def _commas(c: Context) -> Iterator[Fault]:
    """`conv(16, 3x3x3), bn`, and `epochs = 3, warmup = 1` in a recipe."""
    if c.token.type != "COMMA" or c.innermost != "LBRACE" or c.before is None:
        return
    if [t.type for t in c.tokens.items[c.index + 1 : c.index + 3]] == ["NAME", "EQUAL"]:
        diagnostic = _fault(c.token.span, "expected the end of the line, found `,`", "every key has a line of its own")
        yield c.repaired(diagnostic, (("NEWLINE",), 1))
    else:
        help = "`a -> b` runs one layer behind the other, `a | b` is a choice"
        diagnostic = _fault(c.token.span, "`,` cannot join layers", help)
        yield c.repaired(diagnostic, (("ARROW",), 1))


def _several_limits(c: Context) -> Iterator[Fault]:
    """`require macs <= 20G and params <= 3M`."""
    if c.token.text in ("and", "or", "&", "&&", ",") and not c.line_ended:
        line = [t for t in c.tokens.items[max(0, c.index - 12) : c.index] if t.span.line == c.token.span.line]
        if line and line[0].type == "REQUIRE" and any(t.type in COMPARISONS for t in line):
            yield Fault(_fault(c.token.span, "a `require` line holds one limit", "write a `require` line for each"))


def _colon(c: Context) -> Iterator[Fault]:
    """`stage s1: bn`."""
    if c.token.type == "COLON" and c.takes(["LBRACE"]) and c.innermost in (None, "LBRACE"):
        yield Fault(_fault(c.token.span, "expected `{`, found `:`", "lines inside others stand in braces"))
