"""From text to tokens: the lossless list, and what the parser reads (no comments, only line ends that count)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from lark import Lark
from lark.lexer import PatternStr

from vnasdsl.language.builder import Builder
from vnasdsl.language.diagnostics import Diagnostic, Label, VnsError, error
from vnasdsl.language.limits import MAX_BYTES, MAX_DEEP, MAX_DEPTH, MAX_TOKENS
from vnasdsl.language.source import Source, Span
from vnasdsl.resources import grammar_text

END = "$END"
SILENT = frozenset({"SPACE_BETWEEN", "COMMENT"})
KEYWORDS = frozenset("block space network stage input require import pick of tied out for if else".split())
OPENING = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
CLOSING = frozenset(OPENING.values())

# A line that ends with one of these goes on in the next line, as does one whose successor starts with one.
_GOES_ON_AFTER = frozenset(
    "LPAR LSQB LBRACE COMMA EQUAL ARROW VBAR PLUS MINUS STAR DOUBLE_SLASH DOUBLE_DOT COLON IF ELSE OF PICK "
    "LESSTHAN LESS_EQUAL MORETHAN GREATER_EQUAL EQUAL_EQUAL NOT_EQUAL".split()
)
_GOES_ON_BEFORE = frozenset(["ARROW", "VBAR", "LBRACE", "RBRACE"])

# What laying a text out may add: how large a text may be is not to depend on how it is laid out.
_UNCOUNTED = frozenset({"NEWLINE", "COMMA"})

_STATEMENT_KEYWORDS = frozenset({"STAGE", "INPUT", "OUT", "REQUIRE"})


class Token(NamedTuple):
    """One word or sign of a text; `type` is the terminal's name in the grammar."""

    type: str
    span: Span

    @property
    def text(self) -> str:
        return self.span.text


class _KeepEverything:
    """Tells lark to keep the terminals that no rule uses (comments, white space, wrong characters)."""

    always_accept = (*SILENT, "BAD_NUMBER", "BAD_STRING", "QUOTED", "BAD_NAME", "UNKNOWN")

    def process(self, stream: Iterator[Any]) -> Iterator[Any]:
        return stream


@cache
def grammar() -> Lark:
    """The parser made from the grammar file; built on first use (about 20 ms)."""
    return Lark(
        grammar_text(),
        parser="lalr",
        lexer="basic",
        start=["module", "expression"],
        keep_all_tokens=True,
        maybe_placeholders=False,
        postlex=_KeepEverything(),
        transformer=Builder(),
    )


def lex(source: Source) -> list[Token]:
    """All tokens of a text with comments, white space and line ends: their texts joined give the text back.

    Raises: VnsError E0105 when the text is larger than `limits` allows.
    """
    return list(_tokens(source, frozenset()))


def _tokens(source: Source, without: frozenset[str]) -> Iterator[Token]:
    if len(source.text) > MAX_BYTES:
        raise error("E0105", f"the text has more than {MAX_BYTES:,} characters", Span(source, 0, 0))
    scanner, words = _scanner()
    for found in scanner.finditer(source.text):
        kind = found.lastgroup or ""
        if kind == "NAME":
            kind = words.get(found[0], kind)
        if kind not in without:
            yield Token(kind, Span(source, *found.span()))


@cache
def _scanner() -> tuple[re.Pattern[str], dict[str, str]]:
    """All terminals in one expression, in the order in which lark's basic lexer tries them, and the keywords by text.

    Four times as fast as that lexer, which also counts lines and makes tokens of its own.
    """
    terminals = sorted(
        grammar().terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name)
    )
    words = {
        t.pattern.value: t.name for t in terminals if isinstance(t.pattern, PatternStr) and t.pattern.value.isalpha()
    }
    parts = [f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in terminals if t.name not in words.values()]
    return re.compile("|".join(parts)), words


class Tokens:
    """The tokens the parser reads, and what is known about their brackets.

    `items` ends with the END token; `unclosed` holds the places (in `items`) of opening brackets without a partner;
    `partner` maps each closing bracket to the place of its opening one.
    """

    def __init__(self, source: Source):
        raw: list[Token] = []
        room, last = MAX_TOKENS, ""
        for token in _tokens(source, SILENT):
            kind = token.type
            if kind == "NEWLINE" and last == kind:
                raw[-1] = token  # of empty lines and lines of comments only the last line end can count
                continue
            if kind not in _UNCOUNTED:
                if room == 0:
                    raise error("E0105", f"the text has more than {MAX_TOKENS:,} words and signs", token.span)
                room -= 1
            raw.append(token)
            last = kind
        self.source = source
        self.faults: list[Diagnostic] = []
        """Where the body of a definition is nested too deeply to be read: it is left out."""
        partner = _match_brackets(raw)
        while isinstance(partner, int):
            if len(self.faults) == MAX_DEEP:
                raise VnsError(self.faults)
            raw = self._without(raw, partner)
            partner = _match_brackets(raw)
        self.items: list[Token] = []
        self.partner: dict[int, int] = {}
        self.unclosed: set[int] = set()
        self._keep(raw, partner)

    def _without(self, raw: list[Token], deep: int) -> list[Token]:
        """The tokens without the body of the definition in which one is nested too deeply."""
        help = "give the inner part a name: a block, or a line of its own"
        message = f"brackets are nested more than {MAX_DEPTH} deep"
        self.faults.append(Diagnostic("E0108", message, Label(raw[deep].span), help=help))
        starts = [i for i in range(len(raw)) if _begins_definition(raw, i)]
        first = max((i for i in starts if i <= deep), default=0)
        behind = min((i for i in starts if i > deep), default=len(raw))
        end = raw[behind - 1].span.end
        header = next((i + 1 for i in range(first, deep) if raw[i].type == "LBRACE"), first)
        closed = [Token(kind, Span(self.source, end, end)) for kind in ("RBRACE", "NEWLINE")]
        return raw[:header] + (closed if header > first else []) + raw[behind:]

    def _keep(self, raw: list[Token], partner: dict[int, int]) -> None:
        """Drops the line ends that end no statement."""
        opened = set(partner.values())
        place: dict[int, int] = {}
        inside: list[str] = []
        for i, token in enumerate(raw):
            if token.type == "NEWLINE":
                before = self.items[-1].type if self.items else "NEWLINE"
                after = raw[i + 1].type if i + 1 < len(raw) else END
                in_brackets = bool(inside) and inside[-1] != "LBRACE"
                if (
                    in_brackets
                    or before in ("NEWLINE", "LBRACE")
                    or after in ("NEWLINE", END)
                    or after in _GOES_ON_BEFORE
                ):
                    continue
                # `x =` with a whole statement in the next line is an unfinished line and not one that goes on.
                if before in _GOES_ON_AFTER and not _starts_statement(raw, i + 1):
                    continue
            elif token.type in OPENING:
                place[i] = len(self.items)
                if i in opened:
                    inside.append(token.type)
                else:
                    self.unclosed.add(place[i])
            elif i in partner:
                inside.pop()
                self.partner[len(self.items)] = place[partner[i]]
            self.items.append(token)
        self.items.append(Token(END, Span(self.source, len(self.source.text), len(self.source.text))))

    def starts_line(self, index: int) -> bool:
        """Whether a token is the first of its line."""
        if index == 0:
            return True
        before, token = self.items[index - 1].span, self.items[index].span
        return before.text in ("\n", "\r\n", "\r") or _has_line_end(self.source.text[before.end : token.start])

    def starts_definition(self, index: int) -> bool:
        """Whether a token begins a line that can only be a definition."""
        return self.starts_line(index) and _starts_definition(self.items, index)


def _has_line_end(text: str) -> bool:
    return "\n" in text or "\r" in text


def _starts_definition(tokens: list[Token], i: int) -> bool:
    match [token.type for token in tokens[i : i + 3]]:
        case ["BLOCK" | "SPACE" | "NETWORK", "NAME", "LPAR" | "LBRACE" | "COLON"]:
            return True
        case ["IMPORT", "STRING", *_] | ["TIED", "BLOCK", *_] | ["NAME", "NAME", "FOR"]:
            return True
    return False


def _starts_statement(tokens: list[Token], i: int) -> bool:
    if tokens[i].type in _STATEMENT_KEYWORDS or _starts_definition(tokens, i):
        return True
    return [token.type for token in tokens[i : i + 2]] == ["NAME", "EQUAL"]


def _begins_definition(tokens: list[Token], i: int) -> bool:
    """Whether a token begins a line that can only be a definition, before line ends are dropped."""
    return (i == 0 or tokens[i - 1].type == "NEWLINE") and _starts_definition(tokens, i)


def _match_brackets(tokens: list[Token]) -> dict[int, int] | int:
    """Which opening bracket each closing one belongs to, by index; brackets without a partner are left out.

    A `}` closes the innermost `{` over any `(` left open. A statement that begins a line with its keyword leaves every
    `(` before it without a partner, a definition every `{` too.

    The index of the first that is nested too deeply, where there is one.
    """
    partner: dict[int, int] = {}
    open_: list[int] = []
    for i, token in enumerate(tokens):
        if token.type in OPENING:
            open_.append(i)
            if len(open_) > MAX_DEPTH:
                _forget_unclosed(tokens, open_, i)
                if len(open_) > MAX_DEPTH:
                    return i
        elif token.type in CLOSING:
            _close(tokens, open_, partner, i)
        elif open_ and tokens[i - 1].type == "NEWLINE":
            if _starts_definition(tokens, i):
                open_.clear()
            elif token.type in _STATEMENT_KEYWORDS:
                while open_ and tokens[open_[-1]].type != "LBRACE":
                    open_.pop()
    return partner


def _forget_unclosed(tokens: list[Token], open_: list[int], i: int) -> None:
    """Drops the `(` and `[` of earlier lines when most of them are not closed before the next definition."""
    left = 0
    for k in range(i + 1, len(tokens)):
        if _begins_definition(tokens, k):
            break
        left += (tokens[k].type in CLOSING) - (tokens[k].type in OPENING)
    if left < len(open_) // 2:
        line = tokens[i].span.line
        open_[:] = [k for k in open_ if tokens[k].type == "LBRACE" or tokens[k].span.line == line]


def _close(tokens: list[Token], open_: list[int], partner: dict[int, int], i: int) -> None:
    for depth in range(len(open_) - 1, -1, -1):
        opening = tokens[open_[depth]].type
        if OPENING[opening] == tokens[i].type:
            partner[i] = open_[depth]
            del open_[depth:]
            return
        if opening == "LBRACE":
            break
    if open_ and tokens[i].type != "RBRACE" and tokens[open_[-1]].type != "LBRACE":
        # `(32]`: the wrong sign, but it was meant to close this bracket.
        partner[i] = open_.pop()
