"""What the text of a network leaves out: `none` that is summed with others, sums of one thing, lines nothing reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from vnasdsl.network.wiring import ALONE
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
    Segment,
    When,
    children,
    relabel,
)

Known = dict[str, str]
"""For the names of lines and inputs what their values are: "none", "list", or anything else (empty)."""


def tidied(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """The same network without inputs of sums that are `none`, and without joins of one thing; lists that blocks give
    stand where they are used."""
    known: Known = {}
    found = []
    for segment in segments:
        body = _tidied(segment.body, dict(known) if segment.name else known)
        assert isinstance(body, Group)
        found.append(Segment(segment.name, body))
    return tuple(found)


def _tidied(element: Element, known: Known) -> Element:
    match element:
        case Group():
            flat = _flat(element, known)
            return _group(element, known) if flat is None else _tidied(flat, known)
        case BodyLayer():
            body = _tidied(element.body, known)
            assert isinstance(body, Group)
            return element if body is element.body else replace(element, body=body)
        case Join():
            return _join(element, known)
        case Many() | Repeat():
            items = tuple(_tidied(item, known) for item in element.items)
            return element if _alike(items, element.items) else replace(element, items=items)
        case When():
            then, otherwise = _tidied(element.then, known), _tidied(element.otherwise, known)
            if then is element.then and otherwise is element.otherwise:
                return element
            return replace(element, then=then, otherwise=otherwise)
    return element


def _join(element: Join, known: Known) -> Element:
    inputs = spliced(_tidied(item, known) for item in element.inputs)
    if element.layer.name == "sum":
        inputs = tuple(item for item in inputs if not is_none(item, known)) or inputs[:1]
    if len(inputs) == 1 and element.layer.name in ALONE and what(inputs[0], known) != "list":
        return relabel(inputs[0], element.label)
    return element if _alike(inputs, element.inputs) else replace(element, inputs=inputs)


def _group(group: Group, known: Known) -> Group:
    inputs = group.inputs
    scope = known
    if group.block is not None:
        scope = {name: what(value, known) for name, value in group.inputs}
        if group.call is not None:  # printed as it is written
            return group
        inputs = tuple((name, _tidied(value, known)) for name, value in group.inputs)
    lines = []
    for i, line in enumerate(group.lines):
        lines.append(tuple(_tidied(item, scope) for item in line))
        if group.name_of(i):
            scope[group.name_of(i)] = _last(lines[-1], scope)
    out = None if group.out is None else _tidied(group.out, scope)
    same = all(_alike(a, b) for a, b in zip(lines, group.lines, strict=True))
    if same and out is group.out and _alike([v for _, v in inputs], [v for _, v in group.inputs]):
        return group
    return replace(group, lines=tuple(lines), out=out, inputs=inputs)


def _alike(a: Sequence[object], b: Sequence[object]) -> bool:
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


def spliced(items: Iterable[Element]) -> tuple[Element, ...]:
    """The inputs of a join one by one: lists in their place."""
    found: list[Element] = []
    for item in items:
        found += spliced(item.items) if isinstance(item, Many) else [item]
    return tuple(found)


def is_none(element: Element, known: Known) -> bool:
    return what(element, known) == "none"


def what(element: Element, known: Known) -> str:
    """Whether what comes out is a `none` (and not only made from one), a list, or the same as what came before."""
    match element:
        case LayerCall():
            return element.layer.name.replace("skip", "same") if element.layer.name in ("none", "skip") else ""
        case NameRef():
            return known.get(element.wire, "") if element.index is None else ""
        case Many():
            return "list"
        case Group():
            scope = dict(known)
            if element.block is not None:
                scope = {name: what(value, known) for name, value in element.inputs}
            for i, line in enumerate(element.lines):
                if element.name_of(i):
                    scope[element.name_of(i)] = _last(line, scope)
            return _last(element.items, scope) if element.out is None else what(element.out, scope)
        case Repeat():
            return _last(element.items, known)
        case When():
            sides = {what(side, known) for side in (element.then, element.otherwise)}
            return sides.pop() if len(sides) == 1 else ""
    return ""


def _last(items: Sequence[Element], known: Known) -> str:
    for item in reversed(items):
        found = what(item, known)
        if found != "same":
            return found
    return "same"


def _flat(group: Group, known: Known) -> Element | None:
    """A use of a block that gives a list as that list, so that its values can be lines; None where that cannot be."""
    if group.block is None or what(group, known) != "list" or len(group.items) + (group.out is not None) != 1:
        return None
    handed = {name: value for name, value in group.inputs if isinstance(value, NameRef)}
    if len(handed) < len(group.inputs):
        return None
    return relabel(_renamed(group.out or group.items[0], handed), group.label)


def _renamed(element: Element, handed: Mapping[str, NameRef]) -> Element:
    """The element with lines of outside in the place of what a block was handed."""
    match element:
        case NameRef():
            outside = handed.get(element.wire)
            if outside is None:
                return element
            index = outside.index if element.index is None else element.index
            return replace(element, wire=outside.wire, index=index)
        case Group():
            inputs = tuple((name, _renamed(value, handed)) for name, value in element.inputs)
            if element.block is not None:
                return replace(element, inputs=inputs)
            lines = tuple(tuple(_renamed(item, handed) for item in line) for line in element.lines)
            out = None if element.out is None else _renamed(element.out, handed)
            return replace(element, lines=lines, out=out)
        case BodyLayer():
            body = _renamed(element.body, handed)
            assert isinstance(body, Group)
            return replace(element, body=body)
        case Join():
            return replace(element, inputs=tuple(_renamed(item, handed) for item in element.inputs))
        case Many() | Repeat():
            return replace(element, items=tuple(_renamed(item, handed) for item in element.items))
        case When():
            then, otherwise = _renamed(element.then, handed), _renamed(element.otherwise, handed)
            return replace(element, then=then, otherwise=otherwise)
    return element


# ----------------------------------------------------------------------- what is read


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


def indexed(element: Element) -> frozenset[str]:
    """The names of lists of which single values are read: `level0` for `level0[1]`."""
    match element:
        case NameRef():
            return frozenset(() if element.index is None else (element.wire,))
        case Group() if element.block is not None:
            inner = _indexed([child for line in element.lines for child in line], element.out)
            found = _indexed([value for _, value in element.inputs], None)
            for name, value in element.inputs:
                if name in inner and isinstance(value, NameRef):
                    found = found | {value.wire}
            return found
    return _indexed([child for child, _ in children(element, "")], None)


def _indexed(elements: Iterable[Element], last: Element | None) -> frozenset[str]:
    found = frozenset() if last is None else indexed(last)
    for element in elements:
        found = found | indexed(element)
    return found
