"""What to say about a token that no rule takes, and how to continue."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

from vnasdsl.language.checks import RECIPE_KINDS
from vnasdsl.language.diagnostics import Diagnostic, Fix, Label, suggest
from vnasdsl.language.lexer import END, OPENING, Tokens
from vnasdsl.language.source import Span
from vnasdsl.language.syntax_context import (
    COMPARISONS,
    DEFINITION_TYPES,
    KEYWORD_TYPES,
    SIGNS,
    TERMINALS,
    Context,
    Fault,
    alternatives,
    character,
    habits,
    shorten,
)

_LOOKALIKES = {
    "→": "->", "⟶": "->", "−": "-", "–": "-", "—": "-", "≤": "<=", "≥": ">=", "≠": "!=", "…": "..",
    "“": '"', "”": '"', "&": "|", "/": "//", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip
_LETTERS = dict(
    zip(
        "авеѕіјԁҫһкмноԛрсгтухѵАВЕЅІЈСНКМОРТХУαικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "abesijdchkmhoqpcrtyxvABESIJCHKMOPTXYaikvoptuxABEZHIKMNOPTYX",
        strict=True,
    )
)
"""Cyrillic and Greek letters, and the Latin ones that they look like."""

_OPERANDS = ("NAME", "NUMBER", "DIMS", "STRING")
_STATEMENTS = ("input", "stage", "require", "out")
_DEFINITIONS = ("block", "space", "network", "import", "search", "retrain", "evaluate", "tied")
_NAMED = {"STAGE": "stage", "BLOCK": "block", "SPACE": "space", "NETWORK": "network", "INPUT": "input"}


def explain(context: Context) -> Fault:
    """The error at an unexpected token, and how to continue."""
    for rule in _RULES:
        for fault in rule(context):
            return fault if isinstance(fault, Fault) else Fault(fault)
    return Fault(_error(f"expected {expected(context)}, found {found(context)}", _here(context)))


def _error(message: str, span: Span, label: str = "", help: str | None = None, fix: str | None = None) -> Diagnostic:
    written = None if fix is None else Fix(span, fix, f"write `{fix}`")
    return Diagnostic("E0101", message, Label(span, label), help=help, fix=written)


def _unclosed(message: str, span: Span, label: str = "", *secondary: Label, help: str | None = None) -> Diagnostic:
    return Diagnostic("E0104", message, Label(span, label), secondary=secondary, help=help)


# ------------------------------------------------------------------ brackets


def _missing_brace(c: Context) -> Iterator[Diagnostic | Fault]:
    braces = [place for place in c.open if c.tokens.items[place].type == "LBRACE"]
    at_end = c.token.type == END and c.innermost == "LBRACE"
    if not braces or not (at_end or c.tokens.starts_definition(c.index)):
        return
    if not at_end and _is_closed(c.tokens, braces[0]):
        yield _inside_another(c, braces[0])
        return
    place, hint = _unclosed_brace(c.tokens, braces[-1] if at_end else braces[0], c.index)
    secondary: list[Label] = []
    if hint is not None:
        secondary.append(Label(hint, "this `}` is further left than what it closes"))
    if not at_end:
        secondary.append(Label(c.token.span, "this can only stand outside braces"))
    label = "the file ends before its `}`" if at_end and hint is None else ""
    yield Fault(_unclosed("this `{` is never closed", c.tokens.items[place].span, label, *secondary), to_top=True)


def _is_closed(tokens: Tokens, brace: int) -> bool:
    """Whether a `{` has its `}` when braces are only counted."""
    depth = 0
    for token in tokens.items[brace:]:
        depth += (token.type == "LBRACE") - (token.type == "RBRACE")
        if depth == 0:
            return True
    return False


def _inside_another(c: Context, brace: int) -> Fault:
    """A definition where all braces are closed: it is misplaced, and is skipped up to its own `}` or line end."""
    items = c.tokens.items
    diagnostic = Diagnostic(
        "E0101",
        f"`{items[c.index].text}` cannot be inside another definition",
        Label(items[c.index].span),
        secondary=(Label(items[brace].span, "inside this one"),),
        help="move it out: the order of definitions makes no difference",
    )
    depth, last = 0, c.index
    while items[last].type != END:
        depth += (items[last].type == "LBRACE") - (items[last].type == "RBRACE")
        last += 1
        if depth <= 0 and items[last].type in ("NEWLINE", "RBRACE"):
            break
    last += items[last].type == "NEWLINE"
    return Fault(diagnostic, removed=last - c.index)


def _unclosed_brace(tokens: Tokens, place: int, end: int) -> tuple[int, Span | None]:
    """Where the missing `}` belongs, judged by indentation.

    A `}` that begins its line further left than the line of its `{` shows that the one between them is missing.
    """
    for closing, opening in sorted(tokens.partner.items()):
        if place < opening and closing < end and tokens.items[closing].type == "RBRACE" and tokens.starts_line(closing):
            opened, closed = tokens.items[opening].span, tokens.items[closing].span
            indent = len(opened.source.line(opened.line)) - len(opened.source.line(opened.line).lstrip())
            if closed.column - 1 < indent:
                return opening, closed
    return place, None


def _missing_parenthesis(c: Context) -> Iterator[Diagnostic | Fault]:
    if not c.open or c.open[-1] not in c.tokens.unclosed or c.innermost == "LBRACE":
        return
    opening = c.tokens.items[c.open[-1]]
    over = c.token.type in ("NEWLINE", "LBRACE", "RBRACE", END) or c.tokens.starts_line(c.index)
    if over and c.takes([OPENING[opening.type]]):
        yield _unclosed(f"this `{opening.text}` is never closed", opening.span)


def _wrong_bracket(c: Context) -> Iterator[Diagnostic | Fault]:
    if c.token.type == "RBRACE" and not c.open:
        yield Fault(_unclosed("this `}` has no opening brace", c.token.span), removed=1)
    elif c.token.type in ("RPAR", "RSQB") and c.innermost in ("LPAR", "LSQB") and c.takes([OPENING[c.innermost]]):
        meant = OPENING[c.innermost]
        opened = Label(c.tokens.items[c.open[-1]].span, "opened here")
        message = f"expected `{SIGNS[meant]}`, found `{c.token.text}`"
        yield _unclosed(message, c.token.span, "", opened)


# ----------------------------------------------------- tokens that are no words


def _bad_number(c: Context) -> Iterator[Diagnostic | Fault]:
    if c.token.type != "BAD_NUMBER":
        return
    text, span = c.token.text, c.token.span
    if re.fullmatch(r"[0-9]+([xX][0-9]+)+", text):
        diagnostic = _error(f"`{text}` is not a size", span, fix=text.lower())
    elif re.fullmatch(r"[0-9]+(x[A-Za-z0-9_]*)+", text):
        help = "a size consists of whole numbers, such as `1x3x3`; with names write `(1, k, k)`"
        diagnostic = _error(f"`{text}` is not a size", span, help=help)
    elif re.fullmatch(r"[0-9.]+[kmgt]", text):
        diagnostic = _error(f"`{text}` is not a number", span, fix=text.upper())
    elif re.fullmatch(r"[0-9.]+[A-Za-z]{1,2}", text) and c.takes(["NUMBER"]):
        diagnostic = _error(f"`{text}` is not a number", span, help="magnitudes are K, M, G and T; units are ms and s")
    else:
        diagnostic = _error(f"`{text}` is neither a number nor a name", span, help="a name begins with a letter")
    yield diagnostic


def _bad_string(c: Context) -> Iterator[Diagnostic | Fault]:
    text, span = c.token.text, c.token.span
    if c.token.type == "QUOTED":
        fixed = '"' + text.strip("'").replace("\\", "").replace('"', '\\"') + '"'
        diagnostic = _error("a string must be in double quotes", span, fix=fixed)
    elif c.token.type != "BAD_STRING":
        return
    elif len(text) > 1 and text.endswith('"') and not re.search(r'(?<!\\)(\\\\)*\\"$', text):
        diagnostic = _error("unknown escape in a string", span, help='the escapes are `\\"` and `\\\\`')
    else:
        diagnostic = _unclosed("this string is never closed", span, help='it must end with `"` on the same line')
    yield diagnostic


def _bad_name(c: Context) -> Iterator[Diagnostic | Fault]:
    if c.token.type != "BAD_NAME":
        return
    text, span = c.token.text, c.token.span
    meant = unicodedata.normalize("NFKC", "".join(_LETTERS.get(letter, letter) for letter in text))
    if re.fullmatch(r"[A-Za-z_]\w*", meant, re.ASCII):
        i = next(i for i, letter in enumerate(text) if not letter.isascii())
        letter = unicodedata.name(text[i], "a letter of another script").replace("SMALL ", "").replace("CAPITAL ", "")
        alphabet = letter.split(" LETTER ")[0].capitalize()
        message = (
            f"`{text}` contains the {alphabet} letter {character(text[i])}, which looks like the Latin `{meant[i]}`"
        )
        diagnostic = _error(message, span, fix=meant)
    else:
        help = "names consist of the letters a to z, digits and `_`"
        diagnostic = _error(f"`{text}` is not a name", span, help=help)
    yield diagnostic


def _bad_character(c: Context) -> Iterator[Diagnostic | Fault]:
    if c.token.type != "UNKNOWN":
        return
    text, span = c.token.text, c.token.span
    if text == ";":
        diagnostic = _error("unexpected `;`", span, help="a statement ends at the end of its line", fix="\n")
    elif text == "×":
        help = "sizes are written with the letter x, such as `1x3x3`"
        diagnostic = _error(f"unexpected character {character(text)}", span, help=help)
    elif text in _LOOKALIKES:
        diagnostic = _error(f"unexpected character {character(text)}", span, fix=_LOOKALIKES[text])
    else:
        diagnostic = _error(f"unexpected character {character(text)}", span)
    yield diagnostic


# ------------------------------------------------------------- common mistakes


def _keyword_as_name(c: Context) -> Iterator[Diagnostic | Fault]:
    begins = not c.open and c.tokens.starts_line(c.index)
    if c.token.type in KEYWORD_TYPES and c.takes(["NAME"]) and not c.line_ended and not begins:
        word = c.token.text
        dimension = word == "space" and c.before is not None and c.before.type == "EQUAL"
        help = "write `spatial`" if dimension else f"choose another name, such as `{word}_`"
        yield _error(f"`{word}` is a keyword and cannot be a name", c.token.span, help=help)


def _missing_name(c: Context) -> Iterator[Diagnostic | Fault]:
    if c.before is None or not c.takes(["NAME"]) or c.takes(["NUMBER"]):
        return
    what = _NAMED.get(c.before.type)
    if not c.open and c.before.text in RECIPE_KINDS and c.tokens.starts_line(c.index - 1):
        what = f"{c.before.text} recipe"
    if what is not None:
        article = "an" if what[0] in "ei" else "a"
        diagnostic = _error(f"{article} {what} needs a name", _here(c), f"expected a name, found {found(c)}")
        yield diagnostic


def _equals(c: Context) -> Iterator[Diagnostic | Fault]:
    if not c.takes(["EQUAL"]):
        return
    if c.token.type in ("EQUAL_EQUAL", "COLON"):
        help = "`==` compares, `=` sets a value" if c.token.type == "EQUAL_EQUAL" else None
        yield _error(f"expected `=`, found `{c.token.text}`", c.token.span, help=help, fix="=")
    elif c.before is not None and not c.takes(["NEWLINE"]) and c.innermost == "LBRACE":
        yield _error(f"expected `=` after `{c.before.text}`, found {found(c)}", _here(c))


def _comparison_as_value(c: Context) -> Iterator[Diagnostic | Fault]:
    if c.token.type in COMPARISONS and c.takes(["PLUS"]):
        label = "a comparison can only follow `if` or `require`, without parentheses"
        help = "such as `2 if stride > 1 else 1`"
        yield _error(f"unexpected `{c.token.text}`", c.token.span, label, help)


def _missing_sign(c: Context) -> Iterator[Diagnostic | Fault]:
    """A `,` between arguments, or a `->` between layers."""
    kind, sign = ("COMMA", ",") if c.innermost in ("LPAR", "LSQB") else ("ARROW", " ->")
    if c.before is None or c.line_ended or c.token.type not in _OPERANDS or not c.open or not c.takes([kind]):
        return
    if kind == "COMMA":
        message = f"expected `,` or `{SIGNS[OPENING[c.innermost or 'LPAR']]}`, found {found(c)}"
    elif c.token.type == "NAME" and c.takes(
        ["ARROW", *(token.type for token in c.tokens.items[c.index : c.index + 2])]
    ):
        message = f"expected {expected(c)}, found {found(c)}"
    else:
        return
    end = c.before.span.end
    place = Span(c.token.span.source, end, end)
    fix = Fix(place, sign, f"write `{sign.strip()}` before {found(c)}")
    yield Diagnostic("E0101", message, Label(c.token.span), fix=fix)


def _misspelt_statement(c: Context) -> Iterator[Diagnostic | Fault]:
    word = c.before
    if word is None or word.type != "NAME" or c.innermost != "LBRACE" or not c.tokens.starts_line(c.index - 1):
        return
    if c.token.type == "NAME" or (c.token.type == "LBRACE" and not c.line_ended):
        near = suggest(word.text, _STATEMENTS)
        if near is not None and word.text != near:
            fix = Fix(word.span, near, f"did you mean `{near}`?")
            yield Diagnostic("E0101", f"unknown statement `{word.text}`", Label(word.span), fix=fix)


def _no_definition(c: Context) -> Iterator[Diagnostic | Fault]:
    """A line outside braces that is no definition."""
    if c.open or c.start != "module":
        return
    items = c.tokens.items
    first = c.index
    while first > 0 and (items[first].type in ("NEWLINE", END) or not c.tokens.starts_line(first)):
        first -= 1
    word = items[first]
    if word.type in (*DEFINITION_TYPES, "NEWLINE"):
        return
    if first < c.index:
        if word.type != "NAME" or word.text in RECIPE_KINDS:
            return
        if items[first + 1].type == "NAME" and c.index > first + 1 and c.token.type not in ("LPAR", "LBRACE", "COLON"):
            return  # like a recipe of a kind that is not known
    message = f"expected `block`, `space`, `network`, `import` or a recipe, found `{shorten(word.text)}`"
    near = suggest(word.text, _DEFINITIONS) if word.type == "NAME" else None
    fix = Fix(word.span, near, f"did you mean `{near}`?") if near else None
    label, help = Label(word.span, "only definitions can stand outside braces"), None
    closing: tuple[Label, ...] = ()
    if word.span.column > 1 and near is None:
        help = "is there a `}` too many before this line?"
        before = [token for token in items[:first] if token.type != "NEWLINE"][-1:]
        closing = tuple(Label(t.span, "closes the definition") for t in before if t.type == "RBRACE")
    yield Diagnostic("E0101", message, label, secondary=closing, help=help, fix=fix)


_RULES: tuple[Callable[[Context], Iterator[Diagnostic | Fault]], ...] = (
    _missing_brace,
    _missing_parenthesis,
    _wrong_bracket,
    _equals,
    habits,
    _bad_string,
    _bad_name,
    _bad_number,
    _bad_character,
    _keyword_as_name,
    _missing_name,
    _no_definition,
    _comparison_as_value,
    _misspelt_statement,
    _missing_sign,
)


# ------------------------------------------------------------------- in words


def _here(c: Context) -> Span:
    """The unexpected token, or the place after the last one when the line ended too early."""
    if c.line_ended and c.before is not None:
        end = c.before.span.end
        return Span(c.token.span.source, end, end)
    return c.token.span


def found(c: Context) -> str:
    """The unexpected token in words."""
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
