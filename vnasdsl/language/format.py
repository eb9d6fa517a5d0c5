"""The canonical form of a file, with its comments: `vnasdsl fmt`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import takewhile
from typing import Any, NamedTuple

from vnasdsl.language import layout, tree
from vnasdsl.language.diagnostics import Error, VnsError
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.layout import Break, Document, Group, HardBreak, IfBroken, Indent, lay_out
from vnasdsl.language.lexer import CLOSING, END, OPENING, Token, Tokens
from vnasdsl.language.parser import parse
from vnasdsl.language.printer import WIDTH, module_document
from vnasdsl.language.source import Source

# ---------------------------- comments and empty lines, each between two words or signs
# Places are counted in the signs that the canonical form keeps. Parentheses that only group, a comma before a closing
# bracket and an empty `()` before a body may come and go, so they are not counted.

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


# -------------------------------- inserting them into a document, before it is laid out
# A comment after something stays after it; one on its own line stays before what follows it. Either breaks the nearest
# group that has a break there. Where no line can end (`x = # why`), a comment waits for the end of the line.

_SIGN = re.compile(
    r'"(?:[^"\\]|\\.)*"|[0-9](?:[A-Za-z0-9_]|\.[0-9]|(?<=[eE])[+-])*|[A-Za-z_]\w*|->|//|\.\.|[<>=!]=|\S', re.DOTALL
)
_LEADING = ("-> ", "| ", "if ", "else ")


def attach_comments(document: Document, trivia: TriviaTable) -> Document:
    """The document with the comments and empty lines of the file it was made from.

    Raises: ValueError if the document does not have the signs of that file.
    """
    plan = _Plan(document)
    if len(plan.signs) != trivia.signs:
        raise ValueError("the canonical form has other signs than the file")
    for place in sorted(trivia.by_place):
        plan.put(place, trivia.by_place[place])
    return plan.finished()


@lru_cache(maxsize=4096)
def _signs_in(text: str) -> int:
    return len(_SIGN.findall(text))


class _End:
    """The end of the group or indented part that began at an event."""

    __slots__ = ("begin",)

    def __init__(self, begin: int):
        self.begin = begin


_Event = str | Break | HardBreak | IfBroken | Group | Indent | _End


class _Plan:
    """A document as a list of events in the order of the file, and what goes between them.

    `signs[k]` is the event with the sign k; `owner[i]` is the innermost group around event i, or -1.
    """

    def __init__(self, document: Document):
        self.events: list[_Event] = []
        self.owner: list[int] = []
        self.signs: list[int] = []
        self._flatten(document)
        self.before: defaultdict[int, list[Document]] = defaultdict(list)
        """What goes before an event, and after the last one."""
        self.lines: defaultdict[int, list[Document]] = defaultdict(list)
        """Lines that go before the line end at an event."""
        self.blank: dict[int, bool] = {}
        """Whether an empty line follows a line end."""
        self.broken: set[int] = set()

    def _flatten(self, document: Document) -> None:
        events, owner, signs = self.events, self.owner, self.signs
        groups = [-1]
        pending: list[Any] = [document]
        while pending:
            part = pending.pop()
            kind = type(part)
            if kind is list:
                pending += part[::-1]
                continue
            if kind is str:
                signs += [len(events)] * _signs_in(part)
            elif kind is Group or kind is Indent:
                pending += (_End(len(events)), part.content)
                if kind is Group:
                    groups.append(len(events))
            elif kind is _End and groups[-1] == part.begin:
                groups.pop()
            events.append(part)
            owner.append(groups[-1])

    def put(self, place: int, here: Trivia) -> None:
        """Comments, then perhaps an empty line, before the sign of a number."""
        if place == 0:
            ends = [*(comment.blank for comment in here.comments[1:]), here.blank]
            for comment, blank in zip(here.comments, ends, strict=False):
                self.before[0] += [comment.text, HardBreak(blank)]
            if here.comments and not self.events:
                self.before[0].pop()
            return
        low = self.signs[place - 1]
        if place == len(self.signs):
            for comment in here.comments:
                own: Document = [HardBreak(comment.blank), comment.text]
                self.before[len(self.events)].append(own if comment.own_line else layout.Comment(comment.text))
            return
        inner, outer = self._breaks(low, self.signs[place])
        broken = inner is not None and self.owner[inner] in self.broken
        inside = list(takewhile(lambda c: c.inside or (c.inside is None and broken and not c.own_line), here.comments))
        self._put_at(low, inner, inside, False)
        self._put_at(low, outer, here.comments[len(inside) :], here.blank)

    def _breaks(self, low: int, high: int) -> tuple[int | None, int | None]:
        """The first and the outermost place between two signs where a line can end.

        After `->` or `|` that is the place before the sign: it begins the next line.
        """
        first, outermost, depth, lowest = None, None, 0, 0
        for i in range(low + 1, high):
            event = self.events[i]
            depth += isinstance(event, Group)
            depth -= isinstance(event, _End) and isinstance(self.events[event.begin], Group)
            if isinstance(event, Break | HardBreak) and (outermost is None or depth < lowest):
                first = i if first is None else first
                outermost, lowest = i, depth
        if first is None and self.events[low] in _LEADING and isinstance(self.events[low - 1], Break):
            return low - 1, low - 1
        return first, outermost

    def _put_at(self, low: int, target: int | None, comments: Sequence[Comment], blank: bool) -> None:
        """Comments at a line end behind a sign, then perhaps an empty line."""
        if target is None:
            self.before[low + 1] += [layout.Comment(comment.text) for comment in comments]
            return
        line_end = self.events[target]
        assert isinstance(line_end, Break | HardBreak)
        first = str(self.events[low]).endswith("{")
        in_braces = first or isinstance(line_end, HardBreak) or self.events[target + 1] == "}"
        # Between definitions there is an empty line: where the author put it, else before everything.
        missing = (
            isinstance(line_end, HardBreak) and line_end.blank and not blank and not any(c.blank for c in comments)
        )
        for comment in comments:
            if not comment.own_line and not self.lines[target]:
                self.before[target].append(layout.Comment(comment.text))
                continue
            self.lines[target].append([HardBreak(missing or (comment.blank and in_braces and not first)), comment.text])
            first = missing = False
        if comments and isinstance(line_end, Break):
            self.broken.add(self.owner[target])
        self.blank[target] = missing or (blank and not line_end.closes and not first)

    def finished(self) -> Document:
        stack: list[list[Document]] = [[]]
        for i, event in enumerate(self.events):
            stack[-1] += self.before.get(i, ())
            if lines := self.lines.get(i):
                assert isinstance(event, Break | HardBreak)
                stack[-1].append(Indent(lines) if event.closes else lines)
            if isinstance(event, _End):
                content = stack.pop()
                begin = self.events[event.begin]
                assert isinstance(begin, Group | Indent)
                stack[-1].append(content if event.begin in self.broken else replace(begin, content=content))
            elif isinstance(event, Group | Indent):
                stack.append([])
            elif self.owner[i] in self.broken and isinstance(event, Break | IfBroken):
                stack[-1].append(HardBreak(closes=event.closes) if isinstance(event, Break) else event.text)
            elif i in self.blank and isinstance(event, HardBreak):
                stack[-1].append(replace(event, blank=self.blank[i]))
            else:
                stack[-1].append(event)
        return [*stack[0], *self.before.get(len(self.events), ())]


ROUNDS = 3


class FormatError(Error):
    """The canonical form would have another meaning: a bug in vnasdsl."""


def format_text(source: Source | str) -> str:
    """The canonical form of a file: all comments kept, at most one empty line at a time, line ends "\\n".

    Without comments and empty lines it is what `print_module` gives. The result is checked: it has the same tree and
    the same comments in the same order, and formatting it again does not change it.

    Raises: VnsError for a file with syntax errors; FormatError if the check fails.
    """
    if isinstance(source, str):
        source = Source("<string>", source)
    tokens = Tokens(source)
    return format_tokens(tokens, parse(tokens))


@gc_paused()
def format_tokens(tokens: Tokens, module: tree.Module) -> str:
    """The same for a file that is parsed already. Raises: FormatError."""
    trivia = find_trivia(tokens)
    document = module_document(module)
    text = _write(document, trivia)
    return text if text == tokens.source.text else _proven(module, document, trivia, tokens, text)


def _write(document: Document, trivia: TriviaTable) -> str:
    try:
        text = lay_out(attach_comments(document, trivia) if trivia.by_place else document, WIDTH)
    except ValueError as fault:
        raise FormatError(str(fault)) from fault
    return text + "\n" if text else ""


def _proven(module: tree.Module, document: Document, trivia: TriviaTable, tokens: Tokens, text: str) -> str:
    """The text, once it has the same meaning and formatting it again does not change it.

    A comment that moved to another line may change the layout around it, hence several rounds.
    """
    signs = _signs(tokens)
    for _ in range(ROUNDS):
        try:
            tokens_again = Tokens(Source("<formatted>", text))
            # The parser sees only the signs: if they are the same, so is the tree.
            again = module if _signs(tokens_again) == signs else parse(tokens_again)
        except VnsError as fault:
            raise FormatError(f"the formatted text has an error: {fault}") from fault
        trivia_again = find_trivia(tokens_again)
        if again != module:
            raise FormatError("the formatted text has another meaning")
        if trivia_again.comments != trivia.comments:
            raise FormatError("the formatted text has other comments")
        settled = _write(document if again is module else module_document(again), trivia_again)
        if settled == text:
            return text
        text = settled
    raise FormatError("formatting the formatted text changes it again")


def _signs(tokens: Tokens) -> list[tuple[str, str]]:
    return [(token.type, token.text if token.type != "NEWLINE" else "") for token in tokens.items]
