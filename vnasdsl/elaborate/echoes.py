"""What is not said about a text that could not be read whole: faults that may only follow from those of its syntax.

The parser goes on behind a fault with what was most likely meant. Names and arguments are checked in such a tree, but
not on the line of the fault itself, nor where a brace is missing. Shapes, costs, limits and membership are worked out
for a tree in which every statement with a fault is a gap (`Echoes.sound`): what stands before a gap is known, what
comes behind it, or uses a block that has one behind, is not. Where a fault is none of a single statement (a brace, a
header, the input), nothing is known of the whole definition.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace

from vnasdsl.language import tree
from vnasdsl.language.checks import TOO_DEEP
from vnasdsl.language.diagnostics import Diagnostic
from vnasdsl.language.syntax_comments import COMMENT
from vnasdsl.language.walk import blocks_used

SYNTAX = ("E0101", "E0104", TOO_DEEP)
DEFINING = ("block", "tied", "space", "network", "import")
NEEDS_EVERY_LINE = ("E04", "E0501", "E0503", "E0505", "E0508", "E06", "W")
NAMES = ("E0201", "E0202")


class Echoes:
    """Knows which faults of a module may be echoes of those that its parser found."""

    def __init__(self, module: tree.Module, faults: Iterable[Diagnostic]):
        self.module = module
        self.source = module.source
        self.faults = [d for d in faults if d.code in SYNTAX and d.primary is not None]
        self.starts = [item.span.start for item in module.items]
        self.ends = [item.span.end for item in module.items]
        self.lines = {d.primary.span.line for d in self.faults if d.primary}
        self.faulty = {self._item(d.primary.span.start) for d in self.faults if d.primary}
        self.unbalanced = {self._item(d.primary.span.start) for d in self.faults if d.primary and _is_brace(d)}
        self.unknown = set(self.unbalanced)
        """The definitions of which nothing but their names is known."""
        self.headless: set[int] = set()
        """Those whose header has a fault: it may have had other parameters, or another name."""
        self.lost: dict[int, set[str]] = {}
        """The words of the statements that could not be read, by definition: a name may have been made there."""
        self.sound = self._sound()
        """The module without what could not be read for certain."""

    def _item(self, offset: int) -> int:
        """The definition that an offset belongs to, up to where the next one begins; -1 before the first."""
        return bisect_right(self.starts, offset) - 1

    def _names_it(self, i: int, d: Diagnostic) -> bool:
        """Whether a fault stands at the name of a definition, or before it."""
        item = self.module.items[i]
        assert d.primary is not None and isinstance(item, (tree.Block, tree.Space, tree.Network))
        return item.span.start <= d.primary.span.start <= item.name_span.end

    @property
    def hide_definitions(self) -> bool:
        """Whether a part of the text that was passed over could have been a definition, of any name."""
        if any(d.primary and d.primary.span.text in DEFINING for d in self.faults):
            return True
        if any(self._names_it(i, d) for i in self.headless for d in self.faults):
            return True
        places = [d.primary.span.start for d in self.faults if d.primary and d.help != COMMENT]
        return any(i < 0 or place > self.ends[i] for place in places for i in [self._item(place)])

    def _sound(self) -> tree.Module:
        if not self.faults:
            return self.module
        items = list(self.module.items)
        for d in self.faults:
            assert d.primary is not None
            i, place = self._item(d.primary.span.start), d.primary.span.start
            item = items[i] if i >= 0 else None
            if not isinstance(item, (tree.Block, tree.Space, tree.Network)) or i in self.unknown:
                continue
            body = _with_gap(item.body, place) if place <= self.ends[i] else None
            if body is not None:
                items[i] = replace(item, body=body)
                self.lost.setdefault(i, set()).update(_words(_part(item.body, place), d))
            elif d.help != COMMENT or place > self.ends[i]:
                self.unknown.add(i)
                if d.code != TOO_DEEP and place <= (item.body[0].span.start if item.body else item.span.end):
                    self.headless.add(i)
        for i in self.unknown:
            item = items[i] if i >= 0 else None
            if isinstance(item, (tree.Block, tree.Space, tree.Network)):
                if i in self.unbalanced and item.name_span.line in self.lines:
                    self.headless.add(i)
                gap = tree.Line(tree.Gap(span=item.name_span), span=item.name_span)
                items[i] = replace(item, body=(gap,))
        return replace(self.module, items=tuple(items))

    def whole(self, net: tree.Space | tree.Network, blocks: Mapping[str, tree.Block]) -> bool:
        """Whether all of a space or network of the module is known, with the blocks it uses."""
        if not self.faults:
            return True
        used = {(tree.Block, block.name) for block in blocks_used(net.body, dict(blocks))} | {(type(net), net.name)}
        faulty = [self.module.items[i] for i in self.faulty if i >= 0]
        return not any((type(item), getattr(item, "name", "")) in used for item in faulty)

    def certain(self, faults: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Those of the parser's own faults that are none of these echoes: it checks order and names in its tree."""
        return [d for d in faults if d.code.startswith("E01") or not self._may_be_echo(d)]

    @property
    def _headless_blocks(self) -> list[str]:
        items = [self.module.items[i] for i in self.headless]
        return [item.name for item in items if isinstance(item, tree.Block)]

    def without(self, found: Iterable[Diagnostic]) -> list[Diagnostic]:
        """The faults that are none of these echoes."""
        return [d for d in found if not self.faults or not self._may_be_echo(d)]

    def _may_be_echo(self, d: Diagnostic) -> bool:
        if d.primary is None or d.primary.span.source is not self.source:
            return False
        item = self._item(d.primary.span.start)
        if item in self.unbalanced or d.primary.span.line in self.lines:
            return True
        if item in self.unknown:
            if d.code.startswith(NEEDS_EVERY_LINE):
                return True
            if item >= 0 and d.primary.span.line == self.source.position(self.ends[item])[0]:
                return True  # where it ends for the parser is perhaps not where it was meant to
        if d.code in NAMES and item in self.headless:
            return True
        if d.code == "E0301" and any(d.message.startswith(f"`{name}` ") for name in self._headless_blocks):
            return True
        if d.code in NAMES and d.primary.span.text in self.lost.get(item, ()):
            return True
        return d.code == "E0306" and item in self.faulty


def _is_brace(d: Diagnostic) -> bool:
    return d.primary is not None and d.primary.span.text in ("{", "}")


def _part(body: tuple[tree.Statement, ...], place: int) -> tree.Statement | None:
    """The statement of a body around a place; touching its end counts."""
    return next((s for s in body if s.span.start <= place <= s.span.end), None)


def _with_gap(body: tuple[tree.Statement, ...], place: int) -> tuple[tree.Statement, ...] | None:
    """A body with a gap for the statement around a place, inside of a stage that was read; None where it is none of
    them, or the input, without which nothing is known."""
    here = _part(body, place)
    gap: tree.Statement | None
    match here:
        case None | tree.Input():
            return None
        case tree.Require():
            gap = None
        case tree.Stage():
            inside = _with_gap(here.body, place)
            gap = _gap(here) if inside is None else replace(here, body=inside)
        case tree.Wire():
            gap = replace(here, value=tree.Gap(span=here.value.span))
        case _:
            gap = _gap(here)
    kept = ((gap if s is here else s) for s in body)
    return tuple(s for s in kept if s is not None)


def _gap(statement: tree.Statement) -> tree.Line:
    return tree.Line(tree.Gap(span=statement.span), span=statement.span)


def _words(statement: tree.Statement | None, d: Diagnostic) -> list[str]:
    """The words in a statement with a fault, and those around the fault in its line."""
    assert d.primary is not None
    text = d.primary.span.source.line(d.primary.span.line)
    return re.findall(r"\w+", text if statement is None else f"{text}\n{statement.span.text}")
