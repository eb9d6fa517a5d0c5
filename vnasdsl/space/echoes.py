"""What is not said about a text that could not be read whole: faults that may only follow from those of its syntax.

The parser goes on behind a fault with what was most likely meant. Names and arguments can be checked in such a tree,
but not on the line of the fault itself, nor where a brace is missing, and nothing that depends on every line (shapes,
costs, membership) can be known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic
from vnasdsl.language.syntax_comments import COMMENT

SYNTAX = ("E0101", "E0104")
DEFINING = ("block", "tied", "space", "network", "import")
NEEDS_EVERY_LINE = ("E04", "E0501", "E0503", "E0505", "E0508", "E06", "W")


class Echoes:
    """Knows which faults of a module may be echoes of those that its parser found."""

    def __init__(self, module: tree.Module, faults: Iterable[Diagnostic]):
        self.source = module.source
        self.faults = [d for d in faults if d.code in SYNTAX and d.primary is not None]
        self.starts = [item.span.start for item in module.items]
        self.ends = [item.span.end for item in module.items]
        self.lines = {d.primary.span.line for d in self.faults if d.primary}
        self.faulty = {self._item(d.primary.span.start) for d in self.faults if d.primary}
        self.unbalanced = {self._item(d.primary.span.start) for d in self.faults if d.primary and _is_brace(d)}

    def _item(self, offset: int) -> int:
        """The definition that an offset belongs to, up to where the next one begins; -1 before the first."""
        return bisect_right(self.starts, offset) - 1

    @property
    def hide_definitions(self) -> bool:
        """Whether a part of the text that was passed over could have been a definition, of any name."""
        if any(d.primary and d.primary.span.text in DEFINING for d in self.faults):
            return True
        places = [d.primary.span.start for d in self.faults if d.primary and d.help != COMMENT]
        return any(i < 0 or place > self.ends[i] for place in places for i in [self._item(place)])

    def without(self, found: Iterable[Diagnostic]) -> list[Diagnostic]:
        """The faults that are none of these echoes."""
        return [d for d in found if not self.faults or not self._may_be_echo(d)]

    def _may_be_echo(self, d: Diagnostic) -> bool:
        if d.code.startswith(NEEDS_EVERY_LINE):
            return True
        if d.primary is None or d.primary.span.source is not self.source:
            return False
        item = self._item(d.primary.span.start)
        if item in self.unbalanced or d.primary.span.line in self.lines:
            return True
        return d.code == "E0306" and item in self.faulty


def _is_brace(d: Diagnostic) -> bool:
    return d.primary is not None and d.primary.span.text in ("{", "}")
