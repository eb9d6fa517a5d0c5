"""What exactly changed inside a line: arguments, options of a choice, copies, its label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Value, show_value
from vnasdsl.show.diff.meaning import Reader
from vnasdsl.show.diff.model import Detail
from vnasdsl.show.diff.rows import Row
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredArgument,
    DeferredCall,
    Element,
    FromShape,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Pick,
    Repeat,
)


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
        case LayerCall() | BodyLayer() | Join():
            return element.layer.name
        case NameRef():
            return element.wire
        case Group() if element.block is not None:
            return element.block
    return element.label


def _between(a: Element, b: Element, readers: tuple[Reader, Reader]) -> Iterator[Detail]:
    if readers[0].surface(a) == readers[1].surface(b):
        return
    match a, b:
        case (LayerCall() | BodyLayer(), LayerCall() | BodyLayer()) if a.layer is b.layer:
            yield from _arguments(dict(a.arguments), dict(b.arguments))
        case Join(), Join() if a.layer is b.layer:
            yield from _arguments(dict(a.arguments), dict(b.arguments))
            yield from _items(a.inputs, b.inputs, readers, "input")
        case Many(), Many():
            yield from _items(a.items, b.items, readers, "item")
        case Pick(), Pick():
            if (a.least, a.most) != (b.least, b.most):
                yield Detail("argument", "pick", _range(a), _range(b))
            yield from _options(a, b, readers)
        case DeferredCall(), DeferredCall() if a.call.function == b.call.function:
            yield from _fields(a, b)
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
        case LayerChoice(), LayerChoice() if a.kind == b.kind:
            yield from _options(a, b, readers)


def _arguments(before: dict[str, Value], after: dict[str, Value], but: str = "") -> Iterator[Detail]:
    for name, value in after.items():
        old = before.get(name, value)
        if _shown(old) != _shown(value) and name != but:
            yield Detail("argument", name, _shown(old), _shown(value))


def _shown(value: Value) -> str:
    return print_inline(value.expression) if isinstance(value, FromShape) else show_value(value)


def _range(pick: Pick) -> str:
    return str(pick.least) if pick.least == pick.most else f"{pick.least}..{pick.most}"


def _items(a: Sequence[Element], b: Sequence[Element], readers: tuple[Reader, Reader], what: str) -> Iterator[Detail]:
    """What is among the inputs of one side only; where both have as many, what changed in each of them."""
    if len(a) == len(b):
        found = [d for one, other in zip(a, b, strict=True) for d in _between(one, other, readers)]
        yield from found
        if found:
            return
    left, right = [_text(e) for e in a], [_text(e) for e in b]
    for text in [t for t in left if t not in right]:
        yield Detail("option", what, text, None)
    for text in [t for t in right if t not in left]:
        yield Detail("option", what, None, text)


def _text(element: Element) -> str:
    return " ".join(element.span.text.split())


def _fields(a: DeferredCall, b: DeferredCall) -> Iterator[Detail]:
    """The open arguments of a call."""
    before = {f.key: f for f in a.fields}
    for f in b.fields:
        if f.key in before and (before[f.key].options, before[f.key].low, before[f.key].high) != (
            f.options,
            f.low,
            f.high,
        ):
            yield Detail("argument", f.key, _offered(before[f.key]), _offered(f))


def _offered(field: DeferredArgument) -> str:
    return " | ".join(field.options) if field.low is None else f"{field.low}..{field.high}"


def _options(a: LayerChoice | Pick, b: LayerChoice | Pick, readers: tuple[Reader, Reader]) -> Iterator[Detail]:
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
