"""What a part of a network reads of what is around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vnasdsl.space.elements import (
    BodyLayer,
    Element,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Pick,
    Repeat,
    When,
    children,
)


@dataclass(frozen=True)
class Needs:
    """What a part reads: what came before (`x`), and lines by their names (`level0[1]` for one of a list)."""

    x: bool
    names: frozenset[str] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        return Needs(self.x or other.x, self.names | other.names)


NOTHING = Needs(False)


def needs(element: Element) -> Needs:
    """What an element reads of what stands around it."""
    match element:
        case LayerCall():
            return Needs(True)
        case NameRef():
            return Needs(
                False, frozenset({element.wire if element.index is None else f"{element.wire}[{element.index}]"})
            )
        case Group() if element.block is not None:
            inner, _ = kept(element)
            found = Needs(inner.x)
            for name, value in element.inputs:
                if element.call is not None or is_read(name, inner.names):
                    found = found | _handed(value, name, inner.names, element.call is not None)
            return found
        case Group():
            return kept(element)[0]
        case BodyLayer():
            return needs(element.body) | Needs(True)
        case Join():
            return _all(element.inputs)
        case Many():
            return _all(element.items)
        case Repeat():
            return _row(element.items, NOTHING)
        case When():
            return needs(element.then) | needs(element.otherwise) | Needs(True)
        case LayerChoice() | Pick():
            return _all(option.element for option in element.options)
    return _all([child for child, _ in children(element, "")])


def _handed(value: Element, name: str, names: frozenset[str], whole: bool) -> Needs:
    """What is read of an input of a block: all of it, or some values of a list."""
    if whole or name in names:
        return needs(value)
    places = [int(n.partition("[")[2][:-1]) for n in names if n.partition("[")[0] == name]
    if isinstance(value, NameRef) and value.index is None:
        return Needs(False, frozenset(f"{value.wire}[{i}]" for i in places))
    values = listed(value)
    return needs(value) if values is None else _all(values[i] for i in places)


def _all(elements: Iterable[Element]) -> Needs:
    found = NOTHING
    for element in elements:
        found = found | needs(element)
    return found


def _row(items: Sequence[Element], after: Needs) -> Needs:
    """What elements one after the other read, `after` being read of what stands behind them."""
    names = after.names
    x = True
    for item in reversed(items):
        if not x:
            break
        found = needs(item)
        names, x = names | found.names, found.x
    return Needs(x, names)


Kept = tuple[bool, frozenset[str]]
"""Of a line: whether anything reads it, and the names that are read behind it."""


def kept(group: Group, after: frozenset[str] = frozenset(), goes_on: bool = True) -> tuple[Needs, tuple[Kept, ...]]:
    """What a body reads of what stands around it, and which of its lines anything reads.

    `after`: names read behind the body; `goes_on`: whether what the body gives is read.
    """
    need = Needs(goes_on, after)
    if group.out is not None:
        need = needs(group.out) | Needs(False, after) if goes_on else Needs(False, after)
    keep: list[Kept] = []
    for i in reversed(range(len(group.lines))):
        name, line = group.name_of(i), group.lines[i]
        read = bool(name) and is_read(name, need.names)
        keep.append((need.x or read, need.names))
        if need.x or read:
            rest = frozenset(n for n in need.names if not name or n.partition("[")[0] != name)
            values = listed(line[0]) if read and not need.x and len(line) == 1 and name not in need.names else None
            if values is None:
                need = _row(line, Needs(False, rest))
            else:
                some = [value for k, value in enumerate(values) if f"{name}[{k}]" in need.names]
                need = _all(some) | Needs(False, rest)
    return need, tuple(reversed(keep))


def listed(element: Element) -> tuple[Element, ...] | None:
    """The values of a list that is written out; None for anything else."""
    if not isinstance(element, Many):
        return None
    found: list[Element] = []
    for item in element.items:
        inner = listed(item)
        if inner is None and isinstance(item, NameRef) and item.index is None:
            return None  # it may be a list itself
        found += [item] if inner is None else inner
    return tuple(found)


def is_read(name: str, names: Iterable[str]) -> bool:
    return any(n.partition("[")[0] == name for n in names)
