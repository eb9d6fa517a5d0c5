"""Making choices: counting, listing, drawing, restricting and fixing them. All of it works without shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from math import prod
from random import Random

from vnasdsl.space.elements import Alternatives, Element, Group, Op, Option, Repeat, Wrap, choices, join, relabel

Decide = Callable[[str, str, tuple[str, ...]], tuple[str, ...]]
"""(name, kind, options) -> the options to keep, at least one."""


class Counter:
    """Numbers of networks below elements: whole numbers, exact however large. Shared parts are counted once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Element, int]] = {}

    def count(self, element: Element) -> int:
        if id(element) not in self._known:
            self._known[id(element)] = (element, self._count(element))
        return self._known[id(element)][1]

    def _count(self, element: Element) -> int:
        match element:
            case Op():
                return 1
            case Group() | Repeat():
                return prod(self.count(item) for item in element.items)
            case Wrap():
                return self.count(element.body)
            case Alternatives():
                return sum(self.count(option.element) for option in element.options)

    def draw(self, element: Element, path: str, random: Random) -> Iterator[tuple[str, str]]:
        """The choices of one network, all networks alike likely."""
        here = join(path, element.label)
        match element:
            case Group():
                for item in element.items:
                    yield from self.draw(item, here, random)
            case Repeat():
                for i, item in enumerate(element.items):
                    yield from self.draw(item, f"{here}[{i}]", random)
            case Wrap():
                yield from self.draw(element.body, here, random)
            case Alternatives():
                left = random.randrange(self.count(element))
                for option in element.options:
                    left -= self.count(option.element)
                    if left < 0:
                        yield join(here, element.key), option.text
                        yield from self.draw(option.element, here, random)
                        return


def assignments(element: Element, path: str) -> Iterator[tuple[tuple[tuple[str, str], ...], Element]]:
    """Every network below an element: its choices in the order of the text, and the element with them made."""
    here = join(path, element.label)
    match element:
        case Op():
            yield (), element
        case Group():
            for parts in product(*(tuple(assignments(item, here)) for item in element.items)):
                made = tuple(pair for choices, _ in parts for pair in choices)
                yield made, _with_items(element, [part for _, part in parts])
        case Repeat():
            lists = [tuple(assignments(item, f"{here}[{i}]")) for i, item in enumerate(element.items)]
            for parts in product(*lists):
                made = tuple(pair for choices, _ in parts for pair in choices)
                yield made, replace(element, items=tuple(part for _, part in parts))
        case Wrap():
            for made, body in assignments(element.body, here):
                assert isinstance(body, Group)
                yield made, replace(element, body=body)
        case Alternatives():
            name = join(here, element.key)
            for option in element.options:
                for made, inner in assignments(option.element, here):
                    yield ((name, option.text), *made), relabel(inner, element.label)


def restrict(element: Element, path: str, decide: Decide) -> Element:
    """The element with the options that `decide` keeps; a choice with one option left is made. Unchanged parts are
    the same objects as before."""
    here = join(path, element.label)
    match element:
        case Op():
            return element
        case Group():
            return _with_items(element, [restrict(item, here, decide) for item in element.items])
        case Repeat():
            items = [restrict(item, f"{here}[{i}]", decide) for i, item in enumerate(element.items)]
            if all(a is b for a, b in zip(items, element.items, strict=True)):
                return element
            return replace(element, items=tuple(items))
        case Wrap():
            body = restrict(element.body, here, decide)
            assert isinstance(body, Group)
            return element if body is element.body else replace(element, body=body)
        case Alternatives():
            kept = decide(join(here, element.key), element.kind, tuple(o.text for o in element.options))
            options = []
            for option in element.options:
                if option.text in kept:
                    inner = restrict(option.element, here, decide)
                    options.append(option if inner is option.element else Option(option.text, inner, option.span))
            if len(options) == 1:
                return _made(options[0].element, element)
            if all(a is b for a, b in zip(options, element.options, strict=False)) and len(options) == len(
                element.options
            ):
                return element
            return replace(element, options=tuple(options))


def _made(option: Element, choice: Alternatives) -> Element:
    """The one option that is left, in the place of the choice; choices inside it keep their names."""
    if option.label and any(True for _ in choices(option, "")):
        return Group(choice.label, ((option,),), choice.span)
    return relabel(option, choice.label)


def _with_items(group: Group, items: list[Element]) -> Group:
    """The group with other items; once something inside has changed its call says too little to be printed."""
    if all(a is b for a, b in zip(items, group.items, strict=True)):
        return group
    left = iter(items)
    lines = tuple(tuple(next(left) for _ in line) for line in group.lines)
    return replace(group, lines=lines, call=None)
