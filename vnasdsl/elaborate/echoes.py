"""What is not said about a file that could not be read whole: faults that may only follow from those of its syntax.

Names and arguments are checked in the tree that the parser recovers. All else is worked out for a tree without what is
not certain (`sound`): a statement with a fault is a gap there, and so is a definition whose fault is in no statement.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace

from vnasdsl.language import tree
from vnasdsl.language.checks import TOO_DEEP
from vnasdsl.language.diagnostics import Diagnostic
from vnasdsl.language.source import Span
from vnasdsl.language.walk import blocks_used

SYNTAX = ("E0101", "E0104", TOO_DEEP)
DEFINING = ("block", "tied", "space", "network", "import")
NAMES = ("E0201", "E0202")


class Echoes:
    """Knows which faults of a module may be echoes of those that its parser found."""

    def __init__(self, module: tree.Module, faults: Iterable[Diagnostic]):
        self.module = module
        self.items: list[tree.Definition | None] = list(module.items)
        self.starts = [item.span.start for item in module.items]
        self.lines: set[int] = set()
        self.lost: dict[int, set[str]] = {}
        """The words around the faults of each definition: names may have been made or read there."""
        self.unknown: set[int] = set()
        """The definitions of which nothing but their names is known."""
        self.hide_definitions = False
        """Whether a definition may have been lost, so that a name which is not known is no fault."""
        for d in faults:
            if d.code in SYNTAX and d.primary is not None:
                self._add(d, d.primary.span)
        kept = tuple(item for item in self.items if item is not None)
        self.sound = replace(module, items=kept) if self.lines else module
        """The module without what could not be read for certain."""

    def _at(self, span: Span) -> int:
        """The definition that a place belongs to, up to where the next one begins; -1 before the first."""
        return bisect_right(self.starts, span.start) - 1

    def _add(self, d: Diagnostic, span: Span) -> None:
        self.lines.add(span.line)
        i = self._at(span)
        item = self.module.items[i] if i >= 0 else None
        inside = item is not None and span.start <= item.span.end
        if span.text in DEFINING or not inside:
            self.hide_definitions = True
        words = re.findall(r"\w+", span.source.line(span.line))
        apart = not inside and words[:1] and words[0] in DEFINING  # the fault is in a definition that is lost itself
        if apart or not isinstance(item, (tree.Block, tree.Space, tree.Network)):
            return
        self.lost.setdefault(i, set()).update(words)
        now = self.items[i]
        if not isinstance(now, (tree.Block, tree.Space, tree.Network)):
            return
        body = _with_gap(now.body, span.start) if inside else None
        if body is not None and span.text not in ("{", "}"):
            self.items[i] = replace(now, body=body)
        else:
            self.unknown.add(i)
            self.hide_definitions |= isinstance(item, tree.Block) or span.start <= item.name_span.end
            # A block may have had other parameters; the name of a space or network may be claimed.
            self.items[i] = None if isinstance(now, tree.Block) else replace(now, body=(_gap(item.name_span),))

    def whole(self, net: tree.Space | tree.Network, blocks: Mapping[str, tree.Block]) -> bool:
        """Whether all of a space or network of the module is known, with the blocks it uses."""
        if not self.lost:
            return True
        used = {(tree.Block, block.name) for block in blocks_used(net.body, dict(blocks))} | {(type(net), net.name)}
        faulty = [self.module.items[i] for i in self.lost]
        return not any((type(item), getattr(item, "name", "")) in used for item in faulty)

    def may_be_echo(self, d: Diagnostic) -> bool:
        if not self.lines or d.primary is None or d.primary.span.source is not self.module.source:
            return False
        i = self._at(d.primary.span)
        if i in self.unknown or d.primary.span.line in self.lines:
            return True
        lost_name = d.code in NAMES and d.primary.span.text in self.lost.get(i, ())
        return lost_name or (i in self.lost and (d.code == "E0306" or d.severity == "warning"))


def _with_gap(body: tuple[tree.Statement, ...], place: int) -> tuple[tree.Statement, ...] | None:
    """A body with a gap for the statement around a place; None where there is none, and for the input."""
    here = next((s for s in body if s.span.start <= place <= s.span.end), None)
    gap: tree.Statement | None
    match here:
        case None | tree.Input():
            return None
        case tree.Require():
            gap = None
        case tree.Stage():
            inside = _with_gap(here.body, place)
            gap = _gap(here.span) if inside is None else replace(here, body=inside)
        case tree.Wire():
            gap = replace(here, value=tree.Gap(span=here.value.span))
        case _:
            gap = _gap(here.span)
    kept = ((gap if s is here else s) for s in body)
    return tuple(s for s in kept if s is not None)


def _gap(span: Span) -> tree.Line:
    return tree.Line(tree.Gap(span=span), span=span)
