"""From source to tokens: every token of a file, and those that the parser reads (no comments, few line ends)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vnasdsl.language.diagnostics import error
from vnasdsl.language.grammar import grammar
from vnasdsl.language.limits import MAX_BYTES, MAX_DEPTH, MAX_TOKENS
from vnasdsl.language.source import Source, Span

END = "$END"
KEYWORDS = frozenset("block space network stage input require import pick of tied out for if else".split())
OPENING = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
CLOSING = frozenset(OPENING.values())

# A line continues when it ends with one of the first, or when the next line starts with one of the second.
_CONTINUES_AFTER = frozenset(
    "LPAR LSQB LBRACE COMMA EQUAL ARROW VBAR PLUS MINUS STAR DOUBLE_SLASH DOUBLE_DOT COLON IF ELSE OF PICK "
    "LESSTHAN LESS_EQUAL MORETHAN GREATER_EQUAL EQUAL_EQUAL NOT_EQUAL".split()
)
_CONTINUES_BEFORE = frozenset(["ARROW", "VBAR", "LBRACE", "RBRACE"])

# Layout may add these, and the limit on the size of a file does not depend on its layout.
_UNCOUNTED = frozenset({"NEWLINE", "COMMA"})

_STATEMENT_KEYWORDS = frozenset({"STAGE", "INPUT", "OUT", "REQUIRE"})


class Token(NamedTuple):
    """One word or sign; `type` is the name of its terminal in the grammar."""

    type: str
    span: Span

    @property
    def text(self) -> str:
        return self.span.text


def lex(source: Source, dont_ignore: bool = False) -> Iterator[Token]:
    """The tokens of a file; with white space and comments (`dont_ignore`) they are the file again when joined.

    Raises: VnsError E0105 for a file larger than `limits` allows.
    """
    if len(source.text) > MAX_BYTES:
        raise error("E0105", f"the file has more than {MAX_BYTES:,} characters", Span(source, 0, 0))
    for token in grammar().lex(source.text, dont_ignore):
        start = token.start_pos or 0
        yield Token(token.type, Span(source, start, start + len(token)))


class Tokens:
    """The tokens the parser reads, and what is known about their brackets.

    `items` ends with the END token; `unclosed` holds the places (in `items`) of opening brackets without a partner;
    `partner` maps each closing bracket to the place of its opening one.

    Raises: VnsError E0105 for too many tokens, E0108 for brackets nested too deeply.
    """

    def __init__(self, source: Source):
        self.source = source
        self.items: list[Token] = []
        self.partner: dict[int, int] = {}
        self.unclosed: set[int] = set()
        self._keep(_raw_tokens(source))

    def _keep(self, raw: list[Token]) -> None:
        """Drops the line ends that end no statement."""
        partner = _match_brackets(raw)
        opened = set(partner.values())
        place: dict[int, int] = {}
        inside: list[str] = []
        for i, token in enumerate(raw):
            if token.type == "NEWLINE":
                if self._continues(raw, i, bool(inside) and inside[-1] != "LBRACE"):
                    continue
            elif token.type in OPENING:
                place[i] = len(self.items)
                if i not in opened:
                    self.unclosed.add(place[i])
                else:
                    inside.append(token.type)
                    if len(inside) > MAX_DEPTH:
                        help = "give the inner part a name: a block, or a line of its own"
                        raise error("E0108", f"brackets are nested more than {MAX_DEPTH} deep", token.span, help=help)
            elif i in partner:
                inside.pop()
                self.partner[len(self.items)] = place[partner[i]]
            self.items.append(token)
        self.items.append(Token(END, Span(self.source, len(self.source.text), len(self.source.text))))

    def _continues(self, raw: list[Token], i: int, in_brackets: bool) -> bool:
        """Whether the statement before a line end continues after it, or there is none."""
        before = self.items[-1].type if self.items else "NEWLINE"
        after = raw[i + 1].type if i + 1 < len(raw) else END
        if in_brackets or before in ("NEWLINE", "LBRACE") or after in ("NEWLINE", END) or after in _CONTINUES_BEFORE:
            return True
        # `x =` before a whole statement is an unfinished line, not one that continues.
        return before in _CONTINUES_AFTER and not _starts_statement(raw, i + 1)

    def starts_line(self, index: int) -> bool:
        """Whether a token is the first of its line."""
        if index == 0:
            return True
        before, token = self.items[index - 1], self.items[index]
        between = self.source.text[before.span.end : token.span.start]
        return before.type == "NEWLINE" or "\n" in between or "\r" in between

    def starts_definition(self, index: int) -> bool:
        """Whether a token begins a line that can only be a definition."""
        return self.starts_line(index) and _starts_definition(self.items, index)


def _raw_tokens(source: Source) -> list[Token]:
    """The tokens with one line end for several in a row."""
    raw: list[Token] = []
    room = MAX_TOKENS
    for token in lex(source):
        kind = token.type
        if kind == "NEWLINE" and raw and raw[-1].type == kind:
            raw[-1] = token
            continue
        if kind not in _UNCOUNTED:
            if room == 0:
                raise error("E0105", f"the file has more than {MAX_TOKENS:,} words and signs", token.span)
            room -= 1
        raw.append(token)
    return raw


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


def _match_brackets(tokens: list[Token]) -> dict[int, int]:
    """Which opening bracket each closing one belongs to, by index; brackets without a partner are left out.

    A `}` closes the innermost `{` over any `(` left open. A statement that begins a line with its keyword leaves every
    `(` before it without a partner, a definition every `{` too.
    """
    partner: dict[int, int] = {}
    open_: list[int] = []
    for i, token in enumerate(tokens):
        if token.type in OPENING:
            open_.append(i)
        elif token.type in CLOSING:
            _close(tokens, open_, partner, i)
        elif open_ and tokens[i - 1].type == "NEWLINE":
            if _starts_definition(tokens, i):
                open_.clear()
            elif token.type in _STATEMENT_KEYWORDS:
                while open_ and tokens[open_[-1]].type != "LBRACE":
                    open_.pop()
    return partner


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
