"""What changed inside a line: arguments, options of a choice, copies, its label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Value, show_value
from vnasdsl.show.diff.meaning import Meanings
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
    if before.name != after.name:
        found.append(Detail("label", "label", before.side.label, after.side.label))
    if len(before.items) == len(after.items):
        for a, b in zip(before.items, after.items, strict=True):
            of = f"{_head(b)}." if len(after.items) > 1 else ""
            found += (replace(d, name=of + d.name) for d in _between(a, b, after.maker.meanings))
    return tuple(found)


def _head(element: Element) -> str:
    """The name of a layer in a chain."""
    match element:
        case LayerCall() | BodyLayer() | Join():
            return element.layer.name
        case NameRef():
            return element.wire
    return element.block or element.label if isinstance(element, Group) else element.label


def _between(a: Element, b: Element, meanings: Meanings) -> Iterator[Detail]:
    if meanings.of(a) == meanings.of(b):
        return
    match a, b:
        case (LayerCall() | BodyLayer() | Join(), LayerCall() | BodyLayer() | Join()) if a.layer is b.layer:
            yield from _arguments(dict(a.arguments), dict(b.arguments))
            if isinstance(a, Join) and isinstance(b, Join):
                yield from _items(a.inputs, b.inputs, meanings, "input")
        case Many(), Many():
            yield from _items(a.items, b.items, meanings, "item")
        case Pick(), Pick():
            if (a.least, a.most) != (b.least, b.most):
                yield Detail("argument", "pick", _range(a.least, a.most), _range(b.least, b.most))
            yield from _options(a, b, meanings)
        case DeferredCall(), DeferredCall() if a.call.function == b.call.function:
            yield from _arguments({f.key: _offered(f) for f in a.fields}, {f.key: _offered(f) for f in b.fields})
        case Group(), Group() if a.block is not None and len(a.bound) == len(b.bound) and _same_block(a, b, meanings):
            values = zip((name for name, _ in b.bound), (value for _, value in a.bound), strict=True)
            yield from _arguments(dict(values), dict(b.bound))
        case Repeat(), Repeat():
            if len(a.items) != len(b.items):
                yield Detail("copies", "copies", str(len(a.items)), str(len(b.items)))
            if a.items and b.items:
                yield from _between(a.items[0], b.items[0], meanings)
        case LayerChoice(), LayerChoice() if a.kind == b.kind:
            yield from _options(a, b, meanings)


def _same_block(a: Group, b: Group, meanings: Meanings) -> bool:
    return meanings.renamed.get(b.block or "", b.block) == a.block


def _arguments(before: dict[str, Value], after: dict[str, Value]) -> Iterator[Detail]:
    for name, value in after.items():
        old = before.get(name, value)
        if _shown(old) != _shown(value):
            yield Detail("argument", name, _shown(old), _shown(value))


def _shown(value: Value) -> str:
    return print_inline(value.expression) if isinstance(value, FromShape) else show_value(value)


def _range(low: float | None, high: float | None) -> str:
    return str(low) if low == high else f"{low}..{high}"


def _offered(field: DeferredArgument) -> str:
    return " | ".join(field.options) if field.low is None else _range(field.low, field.high)


def _items(a: Sequence[Element], b: Sequence[Element], meanings: Meanings, what: str) -> Iterator[Detail]:
    """Inputs on one side only; if both have as many, what changed in each."""
    if len(a) == len(b):
        found = [d for one, other in zip(a, b, strict=True) for d in _between(one, other, meanings)]
        yield from found
        if found:
            return
    left, right = ([" ".join(e.span.text.split()) for e in side] for side in (a, b))
    if not set(left) & set(right):  # the line shows it as well
        return
    yield from (Detail("option", what, text, None) for text in left if text not in right)
    yield from (Detail("option", what, None, text) for text in right if text not in left)


def _options(a: LayerChoice | Pick, b: LayerChoice | Pick, meanings: Meanings) -> Iterator[Detail]:
    """Options on one side only; of the others, what changed in the first that did."""
    left, right = ({o.text: (meanings.of(o.element), o.element) for o in side.options} for side in (a, b))
    known = {meaning for meaning, _ in left.values()}, {meaning for meaning, _ in right.values()}
    gone = [text for text, (meaning, _) in left.items() if text not in right and meaning not in known[1]]
    new = [text for text, (meaning, _) in right.items() if text not in left and meaning not in known[0]]
    if len(gone) == len(left) and len(new) == len(right):  # the line shows it as well
        yield Detail("argument", b.kind, " | ".join(gone), " | ".join(new))
        return
    yield from (Detail("option", b.kind, text, None) for text in gone)
    yield from (Detail("option", b.kind, None, text) for text in new)
    for text in left:
        if text in right and left[text][0] != right[text][0]:
            yield from (d for d in _between(left[text][1], right[text][1], meanings) if d.name != b.key)
            return
