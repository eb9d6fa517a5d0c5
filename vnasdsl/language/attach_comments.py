"""Insert the comments and empty lines of a file into its document, before it is laid out.

A comment after something stays after it; one on its own line stays before what follows it. Either breaks the nearest
group that has a break there. Where no line can end (`x = # why`), the first kind waits for the end of the line, and the
second moves up before the line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from functools import lru_cache
from typing import Any

from vnasdsl.language import layout
from vnasdsl.language.comments import Comment, Trivia, TriviaTable
from vnasdsl.language.layout import Break, Document, Group, HardBreak, IfBroken, Indent
from vnasdsl.language.printer import Parenthesis

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
        self.before: list[tuple[bool, str]] = []
        self.after: defaultdict[int, list[str]] = defaultdict(list)
        self.lines: defaultdict[int, list[tuple[bool, str]]] = defaultdict(list)
        self.blank: dict[int, bool] = {}
        self.broken: set[int] = set()
        self.last = -1
        """The last event with a comment: a later comment must not go before it."""

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

    # ------------------------------------------------------------ where to put it

    def put(self, place: int, here: Trivia) -> None:
        if place == 0:
            self.before = [*((comment.blank, comment.text) for comment in here.comments), (here.blank, "")]
            return
        low = self.signs[place - 1]
        high = self.signs[place] if place < len(self.signs) else len(self.events)
        matches = self._matches(here, low, high)
        part: list[Comment] = []
        for i, item in enumerate(here.items):
            if isinstance(item, Comment):
                part.append(item)
            elif i in matches:
                self._put_between(low, matches[i], part, False)
                low = matches[i]
                part = []
        self._put_between(low, high, part, here.blank)

    def _matches(self, here: Trivia, low: int, high: int) -> dict[int, int]:
        """Which grouping parenthesis of the file is which of the document: index in the gap -> event."""
        matches: dict[int, int] = {}
        written = [(i, item) for i, item in enumerate(here.items) if item in ("(", ")")]
        if not written:
            return matches
        needed = [event for event in self.events[low + 1 : high] if isinstance(event, Parenthesis)]
        for i in range(low + 1, high):
            event = self.events[i]
            if not isinstance(event, Parenthesis | IfBroken):
                continue
            text = event.text if isinstance(event, IfBroken) else str(event)
            left = [k for k, item in written if item == text]
            if isinstance(event, IfBroken) and len(left) <= needed.count(Parenthesis(text)):
                continue
            if not left:
                raise ValueError("the canonical form has parentheses that the file lacks")
            matches[left[0]] = i
            written = [(k, item) for k, item in written if k > left[0]]
            if isinstance(event, Parenthesis):
                needed.remove(event)
        return matches

    def _put_between(self, low: int, high: int, comments: list[Comment], blank: bool) -> None:
        """Comments, then perhaps an empty line, between two neighbouring signs."""
        target = self._outermost_break(low, high)
        after_brace = str(self.events[low]).endswith("{")
        closes = target is not None and self._break(target).closes
        in_lines = target is not None and (
            isinstance(self.events[target], HardBreak) or after_brace or (closes and self.events[target + 1] == "}")
        )
        first = after_brace
        for i, comment in enumerate(comments):
            # After a sign that is left out, a comment follows others: it stays after them.
            if not comment.own_line and (target is None or not any(before.own_line for before in comments[:i])):
                self._put_after(low, target, comment.text)
            elif high == len(self.events):
                self.lines[high].append((comment.blank, comment.text))
            elif target is not None:
                self._put_on_line(target, comment.text, comment.blank and in_lines and not first)
                first = False
            else:
                self._put_above(low, comment.text)
        if target is not None and blank and isinstance(self.events[target], HardBreak) and not closes and not first:
            self.blank[target] = True

    def _outermost_break(self, low: int, high: int) -> int | None:
        found: int | None = None
        depth = 0
        lowest = 0
        for i in range(low + 1, high):
            event = self.events[i]
            if isinstance(event, Group):
                depth += 1
            elif isinstance(event, _End):
                depth -= isinstance(self.events[event.begin], Group)
            elif isinstance(event, Break | HardBreak) and (found is None or depth < lowest):
                found, lowest = i, depth
        return found

    def _break(self, event: int) -> Break | HardBreak:
        found = self.events[event]
        assert isinstance(found, Break | HardBreak)
        return found

    def _put_after(self, low: int, target: int | None, text: str) -> None:
        """A comment that follows something on its line."""
        if target is None and self.events[low] in _LEADING and isinstance(self.events[low - 1], Break):
            # `a -> # why`: the sign goes to the next line, the comment stays on this one.
            if self.last >= low - 1:
                self._put_on_line(low - 1, text, False)
                return
            self._force(low - 1)
            low -= 2
        elif target is not None:
            self._force(target)
        self.after[low].append(text)
        self.last = max(self.last, low)

    def _put_on_line(self, target: int, text: str, blank: bool) -> None:
        """A comment on its own line, before the line that begins at a break."""
        self.lines[target].append((blank, text))
        self._force(target)
        self.last = max(self.last, target)

    def _put_above(self, low: int, text: str) -> None:
        """A comment on its own line where no line can end: above that line, if this keeps the order of comments."""
        i = low - 1
        while i >= self.last and i >= 0:
            event = self.events[i]
            if isinstance(event, _End):
                i = event.begin
            elif isinstance(event, Break | HardBreak) and not event.closes:
                self._put_on_line(i, text, self.blank.pop(i, False))
                return
            i -= 1
        self._put_after(low, None, text)

    def _force(self, target: int) -> None:
        """Break the group of a break."""
        if isinstance(self.events[target], Break):
            self.broken.add(self.owner[target])

    # ------------------------------------------------------------- the result

    def finished(self) -> Document:
        stack: list[list[Document]] = [self._start()]
        for i, event in enumerate(self.events):
            if isinstance(event, str):
                stack[-1].append(event)
            elif isinstance(event, _End):
                content = stack.pop()
                begin = self.events[event.begin]
                if isinstance(begin, Indent):
                    stack[-1].append(Indent(content))
                else:
                    assert isinstance(begin, Group)
                    stack[-1].append(content if event.begin in self.broken else replace(begin, content=content))
            elif isinstance(event, Group | Indent):
                stack.append([])
            elif isinstance(event, IfBroken):
                stack[-1].append(event.text if self.owner[i] in self.broken else event)
            else:
                stack[-1].append(self._line_end(i, event))
            if i in self.after:
                stack[-1].extend(layout.Comment(text) for text in self.after[i])
        if self.events:
            stack[-1].append(_own_lines(self.lines[len(self.events)]))
        return stack[-1]

    def _start(self) -> list[Document]:
        """The lines before the first definition."""
        start: list[Document] = []
        for i, (_, text) in enumerate(self.before[:-1]):
            start.append(text)
            if self.events or i + 2 < len(self.before):
                start.append(HardBreak(self.before[i + 1][0]))
        return start

    def _line_end(self, i: int, event: Break | HardBreak) -> Document:
        if isinstance(event, Break) and self.owner[i] not in self.broken:
            return event
        lines, blank = self.lines[i], self.blank.get(i, False)
        if isinstance(event, HardBreak) and event.blank and not blank and not any(is_blank for is_blank, _ in lines):
            # Between definitions there is an empty line: where the author put it, else before everything.
            if lines:
                lines[0] = (True, lines[0][1])
            else:
                blank = True
        end = HardBreak(blank, event.closes)
        if not lines:
            return end
        comments = _own_lines(lines)
        return [Indent(comments) if event.closes else comments, end]


def _own_lines(lines: list[tuple[bool, str]]) -> list[Document]:
    return [[HardBreak(blank), text] for blank, text in lines]
