"""Lines that some networks of a space leave out, because none of their edges reads them there.

The text of a network has no line that nothing reads. So the least that a space costs must not count on such a line,
and the line behind it counts on it only where it surely reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

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
    When,
)

NOTHING: frozenset[str] = frozenset()
Answer = TypeVar("Answer")


def once(question: Callable[[Element], Answer]) -> Callable[[Element], Answer]:
    """A question that is answered once for every element: parts are shared by many places."""
    known: WeakKeyDictionary[Element, Answer] = WeakKeyDictionary()

    @wraps(question)
    def answer(element: Element) -> Answer:
        if element not in known:
            known[element] = question(element)
        return known[element]

    return answer


@once
def left_out_of(group: Element) -> frozenset[int]:
    """The lines of a block or part that networks may leave out, by their places."""
    assert isinstance(group, Group)
    return may_be_left_out(group.lines, group.names, group.out)


T = TypeVar("T")


def kept(question: Callable[[Element], T]) -> Callable[[Element], T]:
    """A question about an element whose answer is kept with it: parts are shared, and each asks those below it."""
    name = f"_{question.__name__}"

    @wraps(question)
    def answer(element: Element) -> T:
        if name not in element.__dict__:
            element.__dict__[name] = question(element)
        found: T = element.__dict__[name]
        return found

    return answer


def may_be_left_out(
    lines: Sequence[tuple[Element, ...]],
    names: Sequence[str],
    out: Element | None,
    wanted: frozenset[str] = NOTHING,
    goes_on: bool = True,
) -> frozenset[int]:
    """The lines of a body of which it is not sure that every network has them.

    `names`: by which each line is read (or nothing); `wanted`: names that are surely read behind the body; `goes_on`:
    whether what stands behind the body surely goes on from it.
    """
    needed = set(wanted)
    found: set[int] = set()
    if out is not None:
        needed |= surely_read(out)
        goes_on = surely_goes_on(out)
    for i in reversed(range(len(lines))):
        if not goes_on and (not names or names[i] not in needed):
            found.add(i)
            goes_on = False  # a line that may be left out needs nothing for sure
            continue
        for element in lines[i]:
            needed |= surely_read(element)
        goes_on = not lines[i] or surely_goes_on(lines[i][0])
    return frozenset(found)


@kept
@once
def surely_read(element: Element) -> frozenset[str]:
    """The names that an element reads whatever is chosen in it."""
    match element:
        case NameRef():
            return frozenset((element.wire,))
        case Group() if element.block is not None:
            inside = _of_body(element)
            given = (surely_read(value) for name, value in element.inputs if name in inside)
            return NOTHING.union(*given)
        case Group():
            return NOTHING.union(*map(surely_read, element.items)) - frozenset(element.names)
        case BodyLayer():
            return surely_read(element.body)
        case Join():
            return NOTHING.union(*(surely_read(item) for item in element.inputs if not may_be_none(item)))
        case Many() | Repeat():
            return NOTHING.union(*map(surely_read, element.items))
        case When():
            return surely_read(element.then) & surely_read(element.otherwise)
        case LayerChoice():
            return frozenset.intersection(*(surely_read(option.element) for option in element.options))
        case Pick() if element.least == len(element.options):
            every = (option.element for option in element.options if not may_be_none(option.element))
            return NOTHING.union(*map(surely_read, every))
    return NOTHING


def _of_body(group: Group) -> frozenset[str]:
    """The names of its inputs that the lines of a block surely read."""
    left_out = left_out_of(group)
    kept = (element for i, line in enumerate(group.lines) if i not in left_out for element in line)
    found = NOTHING.union(*map(surely_read, kept))
    return found if group.out is None else found | surely_read(group.out)


@kept
@once
def surely_goes_on(element: Element) -> bool:
    """Whether an element goes on from what comes before it, whatever is chosen in it."""
    match element:
        case NameRef() | Pick() | DeferredCall():
            return False
        case Group():
            first = element.lines[0] if element.lines else ()
            return bool(first) and surely_goes_on(first[0]) and 0 not in left_out_of(element)
        case Join():
            return any(surely_goes_on(item) for item in element.inputs if not may_be_none(item))
        case Many():
            return any(map(surely_goes_on, element.items))
        case Repeat():
            return not element.items or surely_goes_on(element.items[0])
        case When():
            return surely_goes_on(element.then) and surely_goes_on(element.otherwise)
        case LayerChoice():
            return all(surely_goes_on(option.element) for option in element.options)
    return True


@kept
@once
def may_be_none(element: Element) -> bool:
    """Whether one of the choices in an element can make it `none`, which a sum leaves out."""
    match element:
        case LayerChoice():
            return any(_is_none(option.element) or may_be_none(option.element) for option in element.options)
        case Group():
            return any(may_be_none(item) for item in element.items)
        case Repeat():
            return any(may_be_none(item) for item in element.items)
        case When():
            return may_be_none(element.then) or may_be_none(element.otherwise)
    return False


@kept
def _is_none(element: Element) -> bool:
    match element:
        case LayerCall():
            return element.layer.name == "none"
        case Group() | Repeat():
            return any(_is_none(item) for item in element.items)
        case When():
            return _is_none(element.then) or _is_none(element.otherwise)
    return False
