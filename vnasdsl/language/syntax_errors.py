"""What to say about a token that no rule takes, and the smallest change under which the rest can still be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from vnasdsl.language.checks import RECIPE_KINDS
from vnasdsl.language.diagnostics import Diagnostic, Fix, Label, suggest
from vnasdsl.language.lexer import END, OPENING, Tokens
from vnasdsl.language.source import Span
from vnasdsl.language.syntax_context import Context, Fault
from vnasdsl.language.syntax_habits import habits
from vnasdsl.language.wording import (
    COMPARISONS,
    DEFINITION_TYPES,
    KEYWORD_TYPES,
    SIGNS,
    TERMINALS,
    alternatives,
    character,
    shorten,
)

_LOOKALIKES = {
    "→": "->", "⟶": "->", "×": "x", "−": "-", "–": "-", "—": "-", "≤": "<=", "≥": ">=", "≠": "!=", "…": "..",
    "“": '"', "”": '"', "&": "|", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip


_OPERANDS = ("NAME", "NUMBER", "DIMS", "STRING")
_STATEMENTS = ("input", "stage", "require", "out")
_DEFINITIONS = ("block", "space", "network", "import", "search", "retrain", "evaluate", "tied")


def explain(context: Context) -> Fault:
    """The fault at a refused token."""
    for rule in _RULES:
        for fault in rule(context):
            return fault
    return _generic(context)


def _error(
    message: str, span: Span, label: str = "", help: str | None = None, fix: Fix | None = None, code: str = "E0101"
) -> Diagnostic:
    return Diagnostic(code, message, Label(span, label), help=help, fix=fix)


def _replace(span: Span, text: str) -> Fix:
    return Fix(span, text, f"write `{text}`")


# ------------------------------------------------------------------ brackets


def _missing_brace(c: Context) -> Iterator[Fault]:
    braces = [place for place in c.open if c.tokens.items[place].type == "LBRACE"]
    at_end = c.token.type == END and c.innermost == "LBRACE"
    if braces and not at_end and c.tokens.starts_definition(c.index) and _is_closed(c.tokens, braces[0]):
        yield _inside_another(c, braces[0])
    elif braces and (at_end or c.tokens.starts_definition(c.index)):
        place, hint = _unclosed_brace(c.tokens, braces[-1] if at_end else braces[0], c.index)
        primary = Label(c.tokens.items[place].span, "the file ends before its `}`" if at_end and hint is None else "")
        secondary: list[Label] = []
        if hint is not None:
            secondary.append(Label(hint, "this `}` stands further left than what it closes"))
        if not at_end:
            secondary.append(Label(c.token.span, "this can only stand outside of braces"))
        yield Fault(Diagnostic("E0104", "this `{` is never closed", primary, secondary=tuple(secondary)), to_top=True)


def _is_closed(tokens: Tokens, brace: int) -> bool:
    """Whether a `{` has its `}` when braces are only counted."""
    depth = 0
    for token in tokens.items[brace:]:
        depth += (token.type == "LBRACE") - (token.type == "RBRACE")
        if depth == 0:
            return True
    return False


def _inside_another(c: Context, brace: int) -> Fault:
    """A definition where all braces are closed: it is misplaced, and is passed over to its own `}` or line end."""
    items = c.tokens.items
    outer = Label(items[brace].span, "inside of this")
    word = items[c.index].text
    diagnostic = Diagnostic(
        "E0101",
        f"`{word}` cannot stand inside of another definition",
        Label(items[c.index].span),
        secondary=(outer,),
        help="move it before or behind the definition it stands in: the order makes no difference",
    )
    depth, last = 0, c.index
    while items[last].type != END:
        depth += (items[last].type == "LBRACE") - (items[last].type == "RBRACE")
        last += 1
        if depth <= 0 and items[last].type in ("NEWLINE", "RBRACE"):
            break
    last += items[last].type == "NEWLINE"
    return Fault(diagnostic, instead=(), removed=last - c.index)


def _unclosed_brace(tokens: Tokens, place: int, end: int) -> tuple[int, Span | None]:
    """Where the missing `}` belongs, judged by indentation.

    A `}` that starts its line further left than the line of its `{` shows that the one between them was left out.
    """
    for closing, opening in sorted(tokens.partner.items()):
        if place < opening and closing < end and tokens.items[closing].type == "RBRACE" and tokens.starts_line(closing):
            opened, closed = tokens.items[opening].span, tokens.items[closing].span
            indent = len(opened.source.line(opened.line)) - len(opened.source.line(opened.line).lstrip())
            if closed.column - 1 < indent:
                return opening, closed
    return place, None


def _missing_parenthesis(c: Context) -> Iterator[Fault]:
    if not c.open or c.open[-1] not in c.tokens.unclosed or c.innermost == "LBRACE":
        return
    opening = c.tokens.items[c.open[-1]]
    over = c.token.type in ("NEWLINE", "LBRACE", "RBRACE", END) or c.tokens.starts_line(c.index)
    if over and c.takes([OPENING[opening.type]]):
        diagnostic = _error(f"this `{opening.text}` is never closed", opening.span, code="E0104")
        yield c.repaired(diagnostic, ((OPENING[opening.type],), 0))


def _stray_brace(c: Context) -> Iterator[Fault]:
    if c.token.type == "RBRACE" and not c.open:
        yield Fault(_error("this `}` closes nothing", c.token.span, code="E0104"), (), 1)


def _wrong_bracket(c: Context) -> Iterator[Fault]:
    if c.token.type in ("RPAR", "RSQB") and c.innermost in ("LPAR", "LSQB") and c.takes([OPENING[c.innermost]]):
        opening = c.tokens.items[c.open[-1]]
        meant = SIGNS[OPENING[opening.type]]
        message = f"expected `{meant}`, found `{c.token.text}`"
        diagnostic = Diagnostic("E0104", message, Label(c.token.span), secondary=(Label(opening.span, "opened here"),))
        yield c.repaired(diagnostic, ((OPENING[opening.type],), 1))


# ----------------------------------------------------- tokens that are no words


def _bad_number(c: Context) -> Iterator[Fault]:
    if c.token.type != "BAD_NUMBER":
        return
    text, span = c.token.text, c.token.span
    if re.fullmatch(r"[0-9]+(x[A-Za-z0-9_]*)+", text):
        diagnostic = _error(
            f"`{text}` is not a size",
            span,
            help="a size is made of whole numbers, such as `1x3x3`; with names write `(1, k, k)`",
        )
    elif re.fullmatch(r"[0-9.]+[kmgt]", text):
        diagnostic = _error(
            f"`{text}` is not a number", span, help=f"did you mean `{text.upper()}`?", fix=_replace(span, text.upper())
        )
    elif re.fullmatch(r"[0-9.]+[A-Za-z]{1,2}", text) and c.takes(["NUMBER"]):
        diagnostic = _error(f"`{text}` is not a number", span, help="magnitudes are K, M, G and T; units are ms and s")
    else:
        diagnostic = _error(f"`{text}` is neither a number nor a name", span, help="a name begins with a letter")
    yield c.repaired(diagnostic, (("NAME",), 1), (("NUMBER",), 1), (("DIMS",), 1))


def _bad_string(c: Context) -> Iterator[Fault]:
    text, span = c.token.text, c.token.span
    if c.token.type == "QUOTED":
        fixed = '"' + text.strip("'").replace("\\", "").replace('"', '\\"') + '"'
        diagnostic = _error("a string stands in double quotes", span, fix=_replace(span, fixed))
    elif c.token.type != "BAD_STRING":
        return
    elif len(text) > 1 and text.endswith('"') and not re.search(r'(?<!\\)(\\\\)*\\"$', text):
        diagnostic = _error("a string has an escape that is not known", span, help='only `\\"` and `\\\\` are known')
    else:
        diagnostic = _error("this string is never closed", span, code="E0104", help='it ends with `"` on the same line')
    yield c.repaired(diagnostic, (("STRING",), 1))


def _bad_name(c: Context) -> Iterator[Fault]:
    if c.token.type == "BAD_NAME":
        diagnostic = _error(
            f"`{c.token.text}` is not a name", c.token.span, help="names are made of the letters a to z, digits and `_`"
        )
        yield c.repaired(diagnostic, (("NAME",), 1))


def _bad_character(c: Context) -> Iterator[Fault]:
    if c.token.type != "UNKNOWN":
        return
    text, span = c.token.text, c.token.span
    if text == ";":
        diagnostic = _error("`;` has no meaning here", span, help="a statement ends with its line")
        yield c.repaired(diagnostic, (("NEWLINE",), 1), ((), 1))
    elif text == "/":
        diagnostic = _error("`/` is no operator", span, help="whole-number division is `//`", fix=_replace(span, "//"))
        yield c.repaired(diagnostic, (("DOUBLE_SLASH",), 1))
    elif text in _LOOKALIKES:
        meant = _LOOKALIKES[text]
        help = "sizes are written with the letter x, such as `1x3x3`" if meant == "x" else f"did you mean `{meant}`?"
        diagnostic = _error(
            f"unexpected character {character(text)}", span, help=help if meant != " " else "use an ordinary space"
        )
        kinds = {sign: kind for kind, sign in SIGNS.items()}
        yield c.repaired(diagnostic, ((kinds[meant],), 1) if meant in kinds else ((), 1), ((), 1))
    else:
        yield c.repaired(_error(f"unexpected character {character(text)}", span), ((), 1))


# ------------------------------------------------------------- common mistakes


def _keyword_as_name(c: Context) -> Iterator[Fault]:
    if c.token.type in KEYWORD_TYPES and c.takes(["NAME"]) and not c.line_ended and c.works(("NAME",), 1):
        word = c.token.text
        yield Fault(
            _error(f"`{word}` is a keyword and cannot be a name", c.token.span, help=f"`{word}_` would do"),
            ("NAME",),
            1,
        )


def _missing_name(c: Context) -> Iterator[Fault]:
    if c.before is None or not c.takes(["NAME"]) or c.takes(["NUMBER"]):
        return
    what = {"STAGE": "stage", "BLOCK": "block", "SPACE": "space", "NETWORK": "network", "INPUT": "input"}.get(
        c.before.type
    )
    if not c.open and c.before.text in RECIPE_KINDS and c.tokens.starts_line(c.index - 1):
        what = f"{c.before.text} recipe"
    if what is not None:
        article = "an" if what[0] in "ei" else "a"
        diagnostic = _error(f"{article} {what} needs a name", _here(c), f"expected a name, found {found(c)}")
        yield c.repaired(diagnostic, (("NAME",), 0), (("NAME",), 1))


def _wrong_equals(c: Context) -> Iterator[Fault]:
    if c.token.type in ("EQUAL_EQUAL", "COLON") and c.takes(["EQUAL"]):
        help = "`==` compares, `=` sets a value" if c.token.type == "EQUAL_EQUAL" else None
        diagnostic = _error(
            f"expected `=`, found `{c.token.text}`", c.token.span, help=help, fix=_replace(c.token.span, "=")
        )
        yield c.repaired(diagnostic, (("EQUAL",), 1))


def _missing_equals(c: Context) -> Iterator[Fault]:
    if c.before is not None and c.takes(["EQUAL"]) and not c.takes(["NEWLINE"]) and c.innermost == "LBRACE":
        diagnostic = _error(f"expected `=` after `{c.before.text}`, found {found(c)}", _here(c))
        yield c.repaired(diagnostic, (("EQUAL",), 0))


def _import_without_quotes(c: Context) -> Iterator[Fault]:
    if c.before is not None and c.before.type == "IMPORT":
        yield Fault(
            _error("the path of an import stands in double quotes", _here(c), help='such as `import "x3d3.vns"`')
        )


def _comparison_as_value(c: Context) -> Iterator[Fault]:
    if c.token.type in COMPARISONS and c.takes(["PLUS"]):
        diagnostic = _error(
            f"unexpected `{c.token.text}`",
            c.token.span,
            "one comparison stands after `if` or `require`, without parentheses",
            help="such as `2 if stride > 1 else 1`",
        )
        yield c.repaired(diagnostic, (("PLUS",), 1))


def _missing_comma(c: Context) -> Iterator[Fault]:
    if c.innermost in ("LPAR", "LSQB") and c.token.type in _OPERANDS and c.takes(["COMMA"]) and not c.line_ended:
        close = SIGNS[OPENING[c.innermost]]
        diagnostic = _error(f"expected `,` or `{close}`, found {found(c)}", c.token.span, fix=_insert(c, ","))
        yield c.repaired(diagnostic, (("COMMA",), 0))


def _misspelt_keyword(c: Context) -> Iterator[Fault]:
    word = c.before
    if word is None or word.type != "NAME" or c.innermost != "LBRACE" or not c.tokens.starts_line(c.index - 1):
        return
    if c.token.type == "NAME" or (c.token.type == "LBRACE" and not c.line_ended):
        near = suggest(word.text, _STATEMENTS)
        if near is not None and word.text != near:
            fix = Fix(word.span, near, f"did you mean `{near}`?")
            yield Fault(_error(f"unknown statement `{word.text}`", word.span, fix=fix))


def _missing_arrow(c: Context) -> Iterator[Fault]:
    if c.innermost == "LBRACE" and c.token.type == "NAME" and c.takes(["ARROW"]) and c.works(("ARROW",), 0):
        message = f"expected {expected(c)}, found {found(c)}"
        yield Fault(_error(message, c.token.span, fix=_insert(c, " ->")), ("ARROW",), 0)


def _insert(c: Context, sign: str) -> Fix | None:
    """A sign put in behind the token before."""
    if c.before is None:
        return None
    end = c.before.span.end
    return Fix(Span(c.token.span.source, end, end), sign, f"put a `{sign.strip()}` before {found(c)}")


def _spaced_size(c: Context) -> Iterator[Fault]:
    if c.before is not None and c.before.type in ("NUMBER", "DIMS") and re.fullmatch(r"x[0-9x]*", c.token.text):
        yield Fault(
            _error(
                f"unexpected {found(c)} after a number", c.token.span, help="a size is written without spaces: `1x3x3`"
            )
        )


def _statement_at_top(c: Context) -> Iterator[Fault]:
    if c.open or c.start != "module":
        return
    first = c.index
    while first > 0 and (c.tokens.items[first].type in ("NEWLINE", END) or not c.tokens.starts_line(first)):
        first -= 1
    token = c.tokens.items[first]
    if token.text in RECIPE_KINDS and first == c.index - 1:
        return
    if token.type in DEFINITION_TYPES or (
        token.type == "NAME" and c.index > first + 1 and c.tokens.items[first + 1].type == "NAME"
    ):
        return
    if token.type != "NEWLINE" and (c.index == first or token.type == "NAME"):
        message = f"expected `block`, `space`, `network`, `import` or a recipe, found `{shorten(token.text)}`"
        near = suggest(token.text, _DEFINITIONS) if token.type == "NAME" else None
        fix = Fix(token.span, near, f"did you mean `{near}`?") if near else None
        help = "is there a `}` too many before this line?" if token.span.column > 1 and not near else None
        before = [t for t in c.tokens.items[:first] if t.type != "NEWLINE"][-1:]
        closing = [Label(t.span, "closes the definition") for t in before if t.type == "RBRACE" and help]
        label = Label(token.span, "only definitions stand outside of braces")
        yield Fault(Diagnostic("E0101", message, label, secondary=tuple(closing), help=help, fix=fix))


_RULES: tuple[Callable[[Context], Iterator[Fault]], ...] = (
    _missing_brace,
    _missing_parenthesis,
    _stray_brace,
    _wrong_bracket,
    habits,
    _bad_string,
    _bad_name,
    _bad_number,
    _bad_character,
    _import_without_quotes,
    _keyword_as_name,
    _missing_name,
    _wrong_equals,
    _statement_at_top,
    _missing_equals,
    _spaced_size,
    _comparison_as_value,
    _missing_comma,
    _misspelt_keyword,
    _missing_arrow,
)


# --------------------------------------------------------------- all the rest


def _generic(c: Context) -> Fault:
    message = f"expected {expected(c)}, found {found(c)}"
    diagnostic = _error(message, _here(c))
    if c.line_ended or c.token.type in ("RBRACE", "RPAR", "RSQB"):
        return Fault(diagnostic)
    repairs: list[tuple[tuple[str, ...], int]] = []
    if c.takes(["LBRACE"]) and not c.takes(["NEWLINE"]) and c.innermost not in ("LPAR", "LSQB"):
        # Which of the signs a header can lack is seen from what follows.
        repairs.extend([(("COLON",), 0), ((), 1)])
        if _has_spare_brace(c):
            repairs.append((("LBRACE",), 0))
    if c.innermost in ("LPAR", "LSQB") and c.takes(["COMMA"]):
        repairs.append((("COMMA",), 0))
    if c.token.type not in ("LBRACE", "LPAR", "LSQB"):
        repairs.append(((), 1))
    return c.repaired(diagnostic, *repairs)


def _has_spare_brace(c: Context) -> bool:
    """Whether a `}` follows in the same definition for which there is no `{`."""
    open_ = sum(c.tokens.items[place].type == "LBRACE" for place in c.open)
    for i in range(c.index, len(c.tokens.items)):
        kind = c.tokens.items[i].type
        if i > c.index and c.tokens.starts_definition(i):
            break
        open_ += (kind == "LBRACE") - (kind == "RBRACE")
        if open_ < 0:
            return True
    return False


def _here(c: Context) -> Span:
    """The refused token, or the place behind the last one when the line ended too early."""
    if c.line_ended and c.before is not None:
        end = c.before.span.end
        return Span(c.token.span.source, end, end)
    return c.token.span


def found(c: Context) -> str:
    """The refused token in words."""
    if c.token.type == END:
        return "the end of the text" if c.start == "expression" else "the end of the file"
    if c.line_ended:
        return "the end of the line"
    if c.token.type in KEYWORD_TYPES:
        return f"the keyword `{c.token.text}`"
    return f"`{shorten(c.token.text)}`"


def expected(c: Context) -> str:
    """What could stand here instead, in words."""
    return alternatives({kind for kind in TERMINALS if c.takes([kind])})
