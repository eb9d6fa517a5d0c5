"""Keeping some options of choices, and what is left of a space then. It works without shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from vnasdsl.language.diagnostics import UserError
from vnasdsl.space.elements import (
    Alternatives,
    Element,
    Group,
    Join,
    Many,
    Open,
    Option,
    Pick,
    Read,
    Repeat,
    When,
    Wrap,
    choices,
    inside,
    join,
    picked,
    relabel,
)
from vnasdsl.space.resolve import assignments, same

__all__ = ["Decide", "assignments", "restrict"]

Decide = Callable[[str, str, tuple[str, ...]], tuple[str, ...]]
"""(name, kind, options) -> the options to keep, at least one.

Of a choice of edges: the items to pick from, or one value of the choice (`r0 + f2`). A real choice has no options, and
nothing or one number is kept."""


def restrict(element: Element, path: str, decide: Decide) -> Element:
    """The element with the options that `decide` keeps; a choice with one option left is made. Unchanged parts are
    the same objects as before. An option of which nothing is left goes.

    Raises: UserError for a choice without options, or what a choice of edges cannot keep.
    """
    try:
        return _restrict(element, path, decide)
    except _NothingLeft as fault:
        raise UserError(f"choice `{fault}` has no option left", "keep at least one of its options") from None


class _NothingLeft(Exception):
    """No option of this choice is kept."""


def _restrict(element: Element, path: str, decide: Decide) -> Element:
    here = inside(element, path)
    match element:
        case Group():
            inputs = tuple((name, _restrict(value, path, decide)) for name, value in element.inputs)
            lines = tuple(_each(line, here, decide) for line in element.lines)
            out = None if element.out is None else _restrict(element.out, here, decide)
            kept = same(lines, element.lines) and out is element.out
            if kept and same((e for _, e in inputs), (e for _, e in element.inputs)):
                return element
            return replace(element, lines=lines, inputs=inputs, out=out, call=None)
        case Repeat():
            items = tuple(_restrict(item, f"{here}[{i}]", decide) for i, item in enumerate(element.items))
            return element if same(items, element.items) else replace(element, items=items)
        case Many():
            items = tuple(
                _restrict(item, here if item.label else f"{here}[{i}]", decide) for i, item in enumerate(element.items)
            )
            return element if same(items, element.items) else replace(element, items=items)
        case Join():
            items = _each(element.inputs, here, decide)
            return element if items is element.inputs else replace(element, inputs=items)
        case Wrap():
            body = _restrict(element.body, here, decide)
            assert isinstance(body, Group)
            return element if body is element.body else replace(element, body=body)
        case When():
            then, otherwise = _restrict(element.then, here, decide), _restrict(element.otherwise, here, decide)
            if then is element.then and otherwise is element.otherwise:
                return element
            return replace(element, then=then, otherwise=otherwise)
        case Alternatives():
            kept_texts = decide(join(here, element.key), element.kind, tuple(o.text for o in element.options))
            options = _options([o for o in element.options if o.text in kept_texts], here, decide)
            if not options:
                raise _NothingLeft(join(here, element.key))
            if len(options) == 1:
                return _made(options[0].element, element)
            return element if _unchanged(options, element.options) else replace(element, options=options)
        case Pick():
            return _pick(element, here, decide)
        case Open():
            return _open(element, path, decide)
    return element


def _each(items: tuple[Element, ...], here: str, decide: Decide) -> tuple[Element, ...]:
    made = tuple(_restrict(item, here, decide) for item in items)
    return items if same(made, items) else made


def _options(options: Sequence[Option], here: str, decide: Decide) -> tuple[Option, ...]:
    found = []
    for option in options:
        try:
            inner = _restrict(option.element, here, decide)
        except _NothingLeft:
            continue
        found.append(option if inner is option.element else Option(option.text, inner, option.span))
    return tuple(found)


def _unchanged(new: tuple[Option, ...], old: tuple[Option, ...]) -> bool:
    return len(new) == len(old) and same(new, old)


def _made(option: Element, choice: Alternatives) -> Element:
    """The one option that is left, in the place of the choice; choices inside it keep their names."""
    if option.label and any(True for _ in choices(option, "")):
        return Group(choice.label, ((option,),), choice.span)
    return relabel(option, choice.label)


_INDEX = re.compile(r"(.*)\[(\d+)\]")


def _pick(pick: Pick, here: str, decide: Decide) -> Element:
    name = join(here, pick.key)
    texts = tuple(option.text for option in pick.options)
    kept = decide(name, pick.kind, texts)
    if len(kept) == 1 and " + " in kept[0]:
        kept = picked(kept[0])
        pick = replace(pick, least=len(kept), most=len(kept))
    elif any(" + " in text for text in kept):
        raise UserError(f"choice `{name}` can keep one value, or items to pick from", "write the items one by one")
    items = _items(pick, kept)
    lists = any(isinstance(o.element, Read) and o.element.index is None for o in items)  # may be any number of values
    if len(items) < pick.least and not lists:
        raise UserError(f"choice `{name}` takes at least {pick.least}, and {len(items)} are left", "keep more of them")
    options = _options(items, here, decide)
    if len(options) < pick.least and not lists:
        raise _NothingLeft(name)
    if len(options) == pick.least and not lists:
        return Many(pick.label, tuple(option.element for option in options), pick.span)
    if _unchanged(options, pick.options):
        return pick
    return replace(pick, options=options, most=pick.most if lists else min(pick.most, len(options)))


def _items(pick: Pick, kept: tuple[str, ...]) -> list[Option]:
    """The items of a choice of edges that are kept, in the order of the text: `level0[2]` is one value of a list."""
    found = []
    for option in pick.options:
        if option.text in kept:
            found.append(option)
        elif isinstance(option.element, Read) and option.element.index is None:
            of = [m for text in kept if (m := _INDEX.fullmatch(text)) and m[1] == option.text]
            for i in sorted(int(m[2]) for m in of):
                found.append(Option(f"{option.text}[{i}]", replace(option.element, index=i), option.span))
    return found


def _open(element: Open, path: str, decide: Decide) -> Element:
    here = inside(element, path)
    fields = []
    for f in element.fields:
        kept = decide(join(here, f.key), f.kind, f.options)
        if f.low is not None:
            fields.append(replace(f, options=kept[:1], low=None, high=None) if kept else f)
        else:
            options = tuple(text for text in f.options if text in kept)
            if not options:
                raise _NothingLeft(join(here, f.key))
            fields.append(f if options == f.options else replace(f, options=options))
    make = element.make
    if all(len(f.options) == 1 for f in fields):
        return _restrict(relabel(make(tuple(f.options[0] for f in fields)), element.label), path, decide)
    own = {join(here, f.key) for f in fields}
    below = [c for c in choices(element, path) if c.name not in own]
    if any(decide(c.name, c.kind, c.options) not in ((), c.options) for c in below):
        return replace(element, fields=tuple(fields), make=lambda texts: restrict(make(texts), here, decide))
    return element if same(fields, element.fields) else replace(element, fields=tuple(fields))
