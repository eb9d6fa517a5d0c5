"""What is below an element of a space: its parts, choices and lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import wraps
from itertools import islice, product
from math import prod
from typing import TypeVar

from vnasdsl.space.elements import (
    POISON,
    BodyLayer,
    Choice,
    DeferredArgument,
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
    inside,
    join,
    updated,
)

# ----------------------------------------- ways to close calls that are not written out

MOST_WAYS = 4096
"""Ways to close the structural arguments of one call that are looked at."""


def first_value(field: DeferredArgument) -> str:
    return field.options[0] if field.options else repr(field.low)


def structural_count(element: DeferredCall) -> int:
    """The ways to close the arguments of a call that other choices depend on."""
    return prod(len(f.options) for f in element.fields if f.structural and f.options)


def structural_ways(element: DeferredCall) -> Iterator[tuple[str, ...]]:
    """Texts for the fields of an open call, one for each way that other choices could depend on."""
    columns = [f.options if f.structural and f.options else (first_value(f),) for f in element.fields]
    yield from islice(product(*columns), MOST_WAYS)


T = TypeVar("T")


def kept(question: Callable[[Element], T]) -> Callable[[Element], T]:
    """A question about an element whose answer is kept with it: parts are shared, and each asks those below it."""
    name = f"_{question.__name__}"

    @wraps(question)
    def answer(element: Element) -> T:
        known = element.__dict__
        if name not in known:
            known[name] = question(element)
        found: T = known[name]
        return found

    return answer


def children(element: Element, path: str) -> Iterator[tuple[Element, str]]:
    """The parts of an element with the path of the place each stands in (their own labels not yet added).

    Of an `Open` those of one way to close it: a part that only another way has is not among them.
    """
    here = inside(element, path)
    match element:
        case Group():
            for _, value in element.inputs:
                yield value, path
            for item in element.items:
                yield item, here
            if element.out is not None:
                yield element.out, here
        case BodyLayer():
            yield element.body, here
        case Join():
            for item in element.inputs:
                yield item, here
        case Many():
            for i, item in enumerate(element.items):
                yield item, here if item.label else f"{here}[{i}]"
        case When():
            yield element.then, here
            yield element.otherwise, here
        case LayerChoice() | Pick():
            for option in element.options:
                yield option.element, here
        case DeferredCall():
            yield element.make(tuple(first_value(f) for f in element.fields)), here
        case Repeat():
            for i, item in enumerate(element.items):
                yield item, f"{here}[{i}]"


def mapped(element: Element, path: str, rule: Callable[[Element, str], Element]) -> Element:
    """The element with a rule applied to each of its parts and the place it stands in; the same object where nothing
    changes. Options of choices are left to the rule."""
    here = inside(element, path)
    match element:
        case Group():
            inputs = tuple((name, rule(value, path)) for name, value in element.inputs)
            lines = tuple(tuple(rule(item, here) for item in line) for line in element.lines)
            out = None if element.out is None else rule(element.out, here)
            made = updated(element, lines=lines, inputs=inputs, out=out)
            return element if made is element else replace(made, call=None)
        case Repeat():
            return updated(element, items=tuple(rule(item, f"{here}[{i}]") for i, item in enumerate(element.items)))
        case Many():
            places = (here if item.label else f"{here}[{i}]" for i, item in enumerate(element.items))
            return updated(element, items=tuple(map(rule, element.items, places)))
        case Join():
            return updated(element, inputs=tuple(rule(item, here) for item in element.inputs))
        case BodyLayer():
            return updated(element, body=rule(element.body, here))
        case When():
            return updated(element, then=rule(element.then, here), otherwise=rule(element.otherwise, here))
    return element


@kept
def gives_list(element: Element) -> bool:
    """Whether an element gives several values."""
    match element:
        case Many() | Pick():
            return True
        case NameRef():
            return element.several and element.index is None
        case LayerChoice():
            return any(gives_list(option.element) for option in element.options)
        case Group():
            last = element.out or (element.items[-1] if element.items else None)
            return last is not None and gives_list(last)
    return False


def choices(element: Element, path: str) -> Iterator[Choice]:
    """Every choice below an element, outer ones first, in the order of the text; a name can come more than once
    when it lives in several options of another choice, or in several uses of a tied block. What stands at one place
    in several options is gone through once."""
    seen: set[tuple[int, str]] = set()
    waiting = [(element, path)]
    while waiting:
        element, path = waiting.pop()
        if (id(element), path) in seen or not has_choices(element):
            continue
        seen.add((id(element), path))
        here = inside(element, path)
        below: Iterable[tuple[Element, str]]
        match element:
            case LayerChoice():
                yield Choice(join(here, element.key), element.kind, element.texts, element.span)
            case Pick():
                more = element.least, element.most
                yield Choice(join(here, element.key), element.kind, element.texts, element.span, *more)
            case DeferredCall():
                for f in element.fields:
                    yield Choice(join(here, f.key), f.kind, f.options, f.span, low=f.low, high=f.high)
        if isinstance(element, DeferredCall):
            below = ((element.make(texts), here) for texts in structural_ways(element))
        else:
            below = children(element, path)
        waiting += reversed(list(below))


def named_choices(segments: Iterable[Segment], first: Iterable[Choice], most: int) -> tuple[Choice, ...]:
    """The choices of a whole space after some others, each name once; more than `most` are not looked for."""
    found = {choice.name: choice for choice in first}
    for segment in segments:
        for choice in choices(segment.body, ""):
            known = found.get(choice.name)
            if known is None:
                found[choice.name] = choice
            elif known.options != choice.options:  # lives in several options of another choice
                more = (option for option in choice.options if option not in known.options)
                found[choice.name] = replace(known, options=(*known.options, *more))
            if len(found) > most:
                return tuple(found.values())
    return tuple(found.values())


@kept
def has_choices(element: Element) -> bool:
    """Whether there is a choice in an element."""
    return isinstance(element, (LayerChoice, Pick, DeferredCall)) or any(map(has_choices, _parts(element)))


@kept
def has_poison(element: Element) -> bool:
    """Whether a line of an element could not be read."""
    if isinstance(element, LayerCall):
        return element.layer is POISON
    return any(map(has_poison, _parts(element)))


@kept
def shapes_decide(element: Element) -> bool:
    """Whether shapes decide which choices there are: one stands in `a if frames > 1 else b`."""
    if isinstance(element, DeferredCall):
        many = structural_count(element) > MOST_WAYS
        return not many and any(shapes_decide(element.make(texts)) for texts in structural_ways(element))
    if isinstance(element, When) and (has_choices(element.then) or has_choices(element.otherwise)):
        return True
    return has_choices(element) and any(map(shapes_decide, _parts(element)))


def _parts(element: Element) -> Iterable[Element]:
    """The different parts of an element: copies are one object."""
    return {id(child): child for child, _ in children(element, "")}.values()
