"""What exactly changed inside a line: arguments, options of a choice, copies, its label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vnasdsl.layers.base import Value, show_value
from vnasdsl.show.diff.meaning import Reader
from vnasdsl.show.diff.model import Detail
from vnasdsl.show.diff.rows import Row
from vnasdsl.space.elements import Alternatives, Element, Group, Op, Repeat, Wrap


def details(before: Row, after: Row) -> tuple[Detail, ...]:
    """Empty where two lines have too little in common to say more than before and after."""
    found: list[Detail] = []
    if before.given != after.given:
        found.append(Detail("label", "label", before.side.label, after.side.label))
    if len(before.items) == len(after.items):
        readers = before.maker.reader, after.maker.reader
        for a, b in zip(before.items, after.items, strict=True):
            of = f"{_head(b)}." if len(after.items) > 1 else ""
            found += (replace(d, name=of + d.name) for d in _between(a, b, readers))
    return tuple(found)


def _head(element: Element) -> str:
    """What a layer in a chain is called."""
    match element:
        case Op() | Wrap():
            return element.layer.name
        case Group() if element.block is not None:
            return element.block
    return element.label


def _between(a: Element, b: Element, readers: tuple[Reader, Reader]) -> Iterator[Detail]:
    if readers[0].surface(a) == readers[1].surface(b):
        return
    match a, b:
        case (Op() | Wrap(), Op() | Wrap()) if a.layer is b.layer:
            yield from _arguments(dict(a.arguments), dict(b.arguments))
        case Group(), Group() if a.block is not None and b.block is not None:
            names = [name for name, _ in b.bound]
            values = [[value for _, value in side.bound] for side in (a, b)]
            same_block = readers[0].block_names.get(a.block, a.block) == readers[1].block_names.get(b.block, b.block)
            if same_block and len(values[0]) == len(values[1]):
                yield from _arguments(
                    dict(zip(names, values[0], strict=True)), dict(zip(names, values[1], strict=True))
                )
        case Repeat(), Repeat():
            if len(a.items) != len(b.items):
                yield Detail("copies", "copies", str(len(a.items)), str(len(b.items)))
            if a.items and b.items:
                yield from _between(a.items[0], b.items[0], readers)
        case Alternatives(), Alternatives() if a.kind == b.kind:
            yield from _options(a, b, readers)


def _arguments(before: dict[str, Value], after: dict[str, Value], but: str = "") -> Iterator[Detail]:
    for name, value in after.items():
        if name in before and before[name] != value and name != but:
            yield Detail("argument", name, show_value(before[name]), show_value(value))


def _options(a: Alternatives, b: Alternatives, readers: tuple[Reader, Reader]) -> Iterator[Detail]:
    """Options that are gone or new; where the same options stand on both sides, what changed in each of them."""
    left = {o.text: (readers[0].surface(o.element), o.element) for o in a.options}
    right = {o.text: (readers[1].surface(o.element), o.element) for o in b.options}
    meanings = {m for m, _ in left.values()}, {m for m, _ in right.values()}
    gone = [text for text, (meaning, _) in left.items() if meaning not in meanings[1] and text not in right]
    new = [text for text, (meaning, _) in right.items() if meaning not in meanings[0] and text not in left]
    for text in gone:
        yield Detail("option", a.kind, text, None)
    for text in new:
        yield Detail("option", b.kind, None, text)
    for text, (meaning, element) in left.items():
        if text in right and right[text][0] != meaning:
            yield from (d for d in _between(element, right[text][1], readers) if d.name != b.key)
            return
