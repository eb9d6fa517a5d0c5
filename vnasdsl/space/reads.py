"""Which lines a part reads: in some network, in every network, and for the last time.

The output of the line before, which every line begins with, stands among the names as `PREVIOUS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, Label
from vnasdsl.language.walk import walk
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
    Pick,
    Repeat,
    Segment,
    When,
)
from vnasdsl.space.parts import kept

PREVIOUS = ""
Names = frozenset[str]
NONE: Names = frozenset()
_PREVIOUS: Names = frozenset((PREVIOUS,))
NONE_OF_THEM: frozenset[int] = frozenset()


@kept
def reads(element: Element) -> Names:
    """The names of lines outside of an element that it reads in some network."""
    return _reads(element) - _PREVIOUS


def all_reads(elements: Iterable[Element]) -> Names:
    return NONE.union(*map(reads, {id(element): element for element in elements}.values()))


@kept
def uses_previous(element: Element) -> bool:
    """Whether an element uses the output of the line before in some network."""
    return PREVIOUS in _reads(element)


@kept
def _reads(element: Element) -> Names:
    match element:
        case NameRef():
            return frozenset((element.wire,))
        case Group():
            first = element.items[0] if element.items else element.out
            outside = NONE.union(*(_reads(value) for _, value in element.inputs))
            if first is None or uses_previous(first):
                outside |= _PREVIOUS
            return outside if element.block is not None else outside | line_names(element).outside
        case BodyLayer():
            return _reads(element.body) | _PREVIOUS
        case Join():
            return NONE.union(*map(_reads, element.inputs))
        case Many():
            return NONE.union(*map(_reads, element.items))
        case Repeat():
            start = _PREVIOUS if not element.items or uses_previous(element.items[0]) else NONE
            return start | all_reads(element.items)
        case When():
            return _reads(element.then) | _reads(element.otherwise) | _PREVIOUS
        case LayerChoice() | Pick():
            return NONE.union(*(_reads(option.element) for option in element.options))
        case DeferredCall():  # what it becomes reads no other names than those that are written in the call
            return _PREVIOUS.union(node.id for node in walk(element.call) if isinstance(node, tree.Name))
    return _PREVIOUS


# ------------------------------------------------------------------- every network


@kept
def surely_reads(element: Element) -> Names:
    """The names, `PREVIOUS` among them, that an element reads whatever is chosen in it."""
    match element:
        case LayerCall():
            return _PREVIOUS
        case NameRef():
            return frozenset((element.wire,))
        case Group():
            needed = NONE if element.out is None else surely_reads(element.out)
            inside, _ = _backwards(element, needed if element.out is not None else _PREVIOUS)
            if element.block is None:
                return inside
            given = (surely_reads(value) for name, value in element.inputs if name in inside)
            return (inside & _PREVIOUS).union(*given)
        case BodyLayer():
            return surely_reads(element.body) | _PREVIOUS
        case Join():
            return NONE.union(*(surely_reads(item) for item in element.inputs if not may_be_none(item)))
        case Many():
            return NONE.union(*(surely_reads(item) for item in element.items if not may_be_none(item)))
        case Repeat():
            return _chain(element.items, _PREVIOUS)
        case When():
            return surely_reads(element.then) & surely_reads(element.otherwise)
        case LayerChoice():
            return frozenset.intersection(*(surely_reads(option.element) for option in element.options))
        case Pick() if element.least == len(element.options):
            every = (option.element for option in element.options if not may_be_none(option.element))
            return NONE.union(*map(surely_reads, every))
    return NONE


def _chain(items: Sequence[Element], needed: Names) -> Names:
    """What is surely read before items, one after the other, where `needed` is surely read after them."""
    for item in reversed(items):
        if PREVIOUS in needed:
            needed = (needed - _PREVIOUS) | surely_reads(item)
    return needed


def _backwards(group: Group, needed: Names) -> tuple[Names, frozenset[int]]:
    """What the lines of a group surely read, where `needed` is surely read of them, and the lines that nothing may
    read: their text is not in every network."""
    unsure = set()
    for i in reversed(range(len(group.lines))):
        own = {PREVIOUS, group.name_of(i)}
        if not needed & own:
            unsure.add(i)
            continue
        needed = (needed - own) | _chain(group.lines[i], _PREVIOUS)
    return needed, frozenset(unsure)


@kept
def unsure_lines(group: Element) -> frozenset[int]:
    """The lines of a block or body that perhaps not every network has, by their places."""
    assert isinstance(group, Group)
    return _backwards(group, _PREVIOUS if group.out is None else surely_reads(group.out))[1]


def unsure_lines_of(segments: Sequence[Segment]) -> list[frozenset[int]]:
    """The same for the lines outside of stages, segment by segment."""
    found: list[frozenset[int]] = []
    needed = _PREVIOUS
    for segment in reversed(segments):
        if segment.name:
            found.append(NONE_OF_THEM)
            needed = needed - _PREVIOUS | (surely_reads(segment.body) if PREVIOUS in needed else NONE)
        else:
            needed, unsure = _backwards(segment.body, needed)
            found.append(unsure)
    return found[::-1]


@kept
def may_be_none(element: Element) -> bool:
    """Whether an element can become `none`, which a sum leaves out."""
    match element:
        case LayerCall():
            return element.layer.name == "none"
        case LayerChoice():
            return any(may_be_none(option.element) for option in element.options)
        case Group() | Repeat():
            return any(map(may_be_none, element.items))
        case When():
            return may_be_none(element.then) or may_be_none(element.otherwise)
    return False


# ------------------------------------------------------------------- last reads


@dataclass(frozen=True)
class LineNames:
    """The names in the lines of a group: which come from outside, and after which line none is read any more."""

    outside: Names
    ends: tuple[Names, ...]
    """For each line the names that nothing after it reads."""
    named: bool
    """Whether any line has a name or reads one; `out` may be the only one to read it."""


@kept
def line_names(group: Element) -> LineNames:
    assert isinstance(group, Group)
    own: set[str] = set()
    outside: set[str] = set()
    last: dict[str, int] = {}
    for i, line in enumerate(group.lines):
        used = all_reads(line)
        outside |= used - own
        last.update((name, i) for name in used)
        if name := group.name_of(i):
            own.add(name)
            last[name] = i  # what the name was before ends here at the latest
    if group.out is not None:
        used = reads(group.out)
        outside |= used - own
        last.update((name, len(group.lines)) for name in used)
    ends = (frozenset(name for name, at in last.items() if at == i) for i in range(len(group.lines)))
    return LineNames(frozenset(outside), tuple(ends), named=bool(last))


def unread(segments: Sequence[Segment]) -> list[Diagnostic]:
    """A warning for every line that the next one does not use, and that none reads by its name."""
    lines: list[tuple[str, tuple[Element, ...], Segment | None]] = []
    for segment in segments:
        if segment.name:
            lines.append(("", segment.body.items, segment))
        else:
            body = segment.body
            lines += ((body.name_of(i), line, None) for i, line in enumerate(body.lines))
    found = []
    for i, (name, line, whole) in enumerate(lines[:-1]):
        following = lines[i + 1][1]
        if following and uses_previous(following[0]):
            continue
        if not (name and any(name in all_reads(later) for _, later, _ in lines[i + 1 :])):
            what = f"`{name}`" if name else "this line"
            place = Label(line[0].span.to(line[-1].span) if whole is None else whole.body.span.first(1))
            help = "read it by its name, or remove it: its layers would be trained for nothing"
            found.append(Diagnostic("W0209", f"nothing reads {what}", place, "warning", help=help))
    return found
