"""Keeping some options of choices, and what is left of a space then. It works without shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from vnasdsl.language.diagnostics import UserError
from vnasdsl.space.elements import (
    DeferredCall,
    Element,
    Group,
    LayerChoice,
    Many,
    NameRef,
    Option,
    Pick,
    Segment,
    inside,
    join,
    picked,
    updated,
)
from vnasdsl.space.parts import choices, gives_list, has_choices, mapped
from vnasdsl.space.states import value_of

Keep = Callable[[str, str, tuple[str, ...]], tuple[str, ...]]
"""(name, kind, options) -> the options to keep, at least one.

Of a choice of edges: the items to pick from, or one value of the choice (`r0 + f2`). A real choice has no options, and
nothing or one number is kept."""


class _NothingLeft(Exception):
    """No option of this choice is kept."""


def restrict_all(segments: Iterable[Segment], keep: Keep) -> tuple[Segment, ...]:
    """`restrict` for a whole space."""
    made = []
    for segment in segments:
        body = restrict(segment.body, "", keep)
        assert isinstance(body, Group)
        made.append(segment if body is segment.body else Segment(segment.name, body))
    return tuple(made)


def restrict(element: Element, path: str, keep: Keep) -> Element:
    """The element with some options of its choices; a choice with one option left is made. Unchanged parts are the
    same objects as before. An option of which nothing is left goes.

    Raises: UserError for a choice without options, or what a choice of edges cannot keep.
    """
    try:
        return _restrict(element, path, keep)
    except _NothingLeft as fault:
        raise UserError(f"choice `{fault}` has no option left", "keep at least one of its options") from None


def _restrict(element: Element, path: str, keep: Keep) -> Element:
    match element:
        case LayerChoice():
            return _choice(element, inside(element, path), keep)
        case Pick():
            return _pick(element, inside(element, path), keep)
        case DeferredCall():
            return _deferred(element, path, keep)
    if not has_choices(element):
        return element
    return mapped(element, path, lambda part, place: _restrict(part, place, keep))


def _choice(element: LayerChoice, here: str, keep: Keep) -> Element:
    name = join(here, element.key)
    kept = keep(name, element.kind, element.texts)
    options = _options((option for option in element.options if option.text in kept), here, keep)
    if not options:
        raise _NothingLeft(name)
    if len(options) > 1:
        return updated(element, options=options)
    made = options[0].element  # choices inside it keep their names
    if made.label and has_choices(made):
        return Group(element.label, ((made,),), element.span)
    return updated(made, label=element.label)


def _options(options: Iterable[Option], here: str, keep: Keep) -> tuple[Option, ...]:
    found = []
    for option in options:
        try:
            inner = _restrict(option.element, here, keep)
        except _NothingLeft:
            continue
        found.append(updated(option, element=inner))
    return tuple(found)


def _pick(pick: Pick, here: str, keep: Keep) -> Element:
    name = join(here, pick.key)
    texts = pick.texts
    kept = keep(name, pick.kind, texts)
    least = pick.least
    # One text is a whole value where it could be: of `pick 0..1 of [a]` the item `a` alone may be asked for.
    whole = len(kept) == 1 and kept is not texts and (pick.least == 0 or " + " in kept[0])
    if whole:
        kept = picked(kept[0])
        least = len(kept)
    elif any(" + " in text for text in kept):
        raise UserError(f"choice `{name}` can keep one value, or items to pick from", "write the items one by one")
    items = _items(pick, kept)
    lists = any(isinstance(option.element, NameRef) and gives_list(option.element) for option in items)
    if len(items) < least and not lists:  # a list stands for several items
        raise UserError(f"choice `{name}` takes at least {least}, and {len(items)} are left", "keep more of them")
    options = _options(items, here, keep)
    if len(options) < least and not lists:
        raise _NothingLeft(name)
    if len(options) == least and not lists and (whole or kept != texts):
        return Many(pick.label, tuple(option.element for option in options), pick.span)
    return updated(pick, options=options, most=pick.most if lists else min(pick.most, len(options)))


_INDEX = re.compile(r"(.*)\[(\d+)\]")


def _items(pick: Pick, kept: tuple[str, ...]) -> list[Option]:
    """The items of a choice of edges that are kept, in the order of the file: `level0[2]` is one value of a list."""
    found = []
    for option in pick.options:
        if option.text in kept:
            found.append(option)
        elif isinstance(option.element, NameRef) and option.element.index is None:
            of = [m for text in kept if (m := _INDEX.fullmatch(text)) and m[1] == option.text]
            found += (value_of(option, i) for i in sorted(int(m[2]) for m in of))
    return found


def _deferred(element: DeferredCall, path: str, keep: Keep) -> Element:
    here = inside(element, path)
    fields = []
    for f in element.fields:
        name = join(here, f.key)
        kept = keep(name, f.kind, f.options)
        if f.low is not None:
            fields.append(replace(f, options=kept[:1], low=None, high=None) if kept else f)
            continue
        options = tuple(text for text in f.options if text in kept)
        if not options:
            raise _NothingLeft(name)
        fields.append(f if options == f.options else replace(f, options=options))
    make = element.make
    if all(len(f.options) == 1 for f in fields):
        return _restrict(updated(make(tuple(f.options[0] for f in fields)), label=element.label), path, keep)
    own = {join(here, f.key) for f in fields}
    below = [c for c in choices(element, path) if c.name not in own]
    if any(keep(c.name, c.kind, c.options) not in ((), c.options) for c in below):
        return replace(element, fields=tuple(fields), make=lambda texts: _restrict(make(texts), here, keep))
    return updated(element, fields=tuple(fields))
