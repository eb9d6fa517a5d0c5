"""What flows from line to line: one shape, or several where a line is a list; and which named lines a part reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias
from weakref import WeakKeyDictionary

from vnasdsl.language import tree
from vnasdsl.language.walk import walk
from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Option,
    Pick,
    Repeat,
    When,
)

UNKNOWN: Shape = ()
"""The shape of what flows where shapes are not followed, or do not come out."""


@dataclass(frozen=True)
class TensorList:
    """The values of a list, in the order of the text; or, where that is not known, in that of their sizes."""

    shapes: tuple[Shape, ...]
    ordered: bool = True


Flow: TypeAlias = Shape | TensorList
"""What a line gives: a shape (C, T, H, W) or (C,), or several of them."""
Env: TypeAlias = Mapping[str, Flow]
"""What can be read by name."""


def spliced(flow: Flow) -> tuple[Shape, ...]:
    """The values one by one: a list stands for all of its values."""
    return flow.shapes if isinstance(flow, TensorList) else (flow,)


def read(element: NameRef, env: Env) -> Flow:
    """What a line that reads by name gives. A name that is not followed has an unknown shape."""
    flow = env.get(element.wire, UNKNOWN)
    if element.index is None:
        return flow
    values = spliced(flow)
    return values[element.index] if element.index < len(values) else UNKNOWN


def pool(pick: Pick, env: Env) -> tuple[Option, ...]:
    """What a `pick` takes from: a list that is read stands for each of its values, `level0[0]`, `level0[1]`."""
    options: list[Option] = []
    for option in pick.options:
        element = option.element
        flow = env.get(element.wire) if isinstance(element, NameRef) and element.index is None else None
        if isinstance(element, NameRef) and isinstance(flow, TensorList):
            options += (
                Option(f"{option.text}[{i}]", replace(element, index=i), option.span) for i in range(len(flow.shapes))
            )
        else:
            options.append(option)
    return tuple(options)


_NAMES: WeakKeyDictionary[Element, frozenset[str]] = WeakKeyDictionary()
_NONE: frozenset[str] = frozenset()


def reads(element: Element) -> frozenset[str]:
    """The names of lines outside of an element that it reads."""
    if isinstance(element, LayerCall):
        return _NONE
    found = _NAMES.get(element)
    if found is None:
        found = _NAMES[element] = _reads(element)
    return found


def _reads(element: Element) -> frozenset[str]:
    match element:
        case NameRef():
            return frozenset((element.wire,))
        case Group():
            outside = all_reads(value for _, value in element.inputs)
            return outside if element.block is not None else outside | scope(element).outside
        case BodyLayer():
            return reads(element.body)
        case Join():
            return all_reads(element.inputs)
        case Many() | Repeat():
            return all_reads(element.items)
        case When():
            return reads(element.then) | reads(element.otherwise)
        case LayerChoice() | Pick():
            return all_reads(option.element for option in element.options)
        case DeferredCall():  # what it becomes reads no other names than those that are written in the call
            return frozenset(node.id for node in walk(element.call) if isinstance(node, tree.Name))
    return _NONE


def all_reads(elements: Iterable[Element]) -> frozenset[str]:
    found = _NONE
    last: Element | None = None
    for element in elements:
        if element is not last:  # copies are one object
            more = reads(element)
            found = found | more if more else found
            last = element
    return found


@dataclass(frozen=True)
class Scope:
    """The names in the lines of a group: which come from outside, and after which line none is read any more."""

    outside: frozenset[str]
    ends: tuple[tuple[str, ...], ...]
    """For each line the names that nothing behind it reads."""
    named: bool
    """Whether any name is read or kept in the lines at all."""


_SCOPES: WeakKeyDictionary[Element, Scope] = WeakKeyDictionary()


def scope(group: Group) -> Scope:
    found = _SCOPES.get(group)
    if found is None:
        found = _SCOPES[group] = _scope(group)
    return found


def _scope(group: Group) -> Scope:
    own: set[str] = set()
    outside: set[str] = set()
    last: dict[str, int] = {}
    for i, line in enumerate(group.lines):
        used = all_reads(line)
        outside |= used - own
        last.update((name, i) for name in used)
        if name := group.name_of(i):
            own.add(name)
            last.setdefault(name, i)
            if last[name] < i:  # the name is given again: what it was before ends here, and what it is now begins
                last[name] = i
    if group.out is not None:
        used = reads(group.out)
        outside |= used - own
        for name in used:
            last[name] = len(group.lines)
    ends: list[list[str]] = [[] for _ in group.lines]
    for name, i in last.items():
        if i < len(ends):
            ends[i].append(name)
    return Scope(frozenset(outside), tuple(tuple(names) for names in ends), bool(last))


_STARTS: WeakKeyDictionary[Element, bool] = WeakKeyDictionary()


def begins_anew(element: Element) -> bool:
    """Whether an element begins by reading lines, so that what comes before it does not matter."""
    if isinstance(element, (LayerCall, BodyLayer, When, DeferredCall)):
        return False
    found = _STARTS.get(element)
    if found is None:
        found = _STARTS[element] = _begins_anew(element)
    return found


def _begins_anew(element: Element) -> bool:
    match element:
        case NameRef():
            return True
        case Group():
            first = element.items[0] if element.items else element.out
            return first is not None and all(map(begins_anew, (*(value for _, value in element.inputs), first)))
        case Repeat():
            return bool(element.items) and begins_anew(element.items[0])
        case Many():
            return all(map(begins_anew, element.items))
        case Join():
            return all(map(begins_anew, element.inputs))
        case LayerChoice() | Pick():
            return all(begins_anew(option.element) for option in element.options)
    return False
