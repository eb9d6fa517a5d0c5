"""Insert the comments and empty lines of a file into its document, before it is laid out.

A comment after something stays after it; one on its own line stays before what follows it. Either breaks the nearest
group that has a break there. Where no line can end (`x = # why`), a comment waits for the end of the line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import takewhile
from typing import Any

from vnasdsl.language import layout
from vnasdsl.language.comments import Comment, Trivia, TriviaTable
from vnasdsl.language.layout import Break, Document, Group, HardBreak, IfBroken, Indent

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
