"""Keeping some options of choices, and what is left of a space then. It works without shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from vnasdsl.language.diagnostics import UserError
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerChoice,
    Many,
    NameRef,
    Option,
    Pick,
    Repeat,
    Segment,
    When,
    choices,
    first_value,
    inside,
    join,
    picked,
    relabel,
)
from vnasdsl.space.resolve import assignments, same

__all__ = ["Decide", "assignments", "gives_list", "lists_in", "restrict", "restrict_all"]

_NONE: frozenset[str] = frozenset()
Decide = Callable[[str, str, tuple[str, ...]], tuple[str, ...]]
"""(name, kind, options) -> the options to keep, at least one.

Of a choice of edges: the items to pick from, or one value of the choice (`r0 + f2`). A real choice has no options, and
nothing or one number is kept."""


def restrict_all(segments: Iterable[Segment], decide: Decide) -> tuple[Segment, ...]:
    """`restrict` for the whole of a space: also of lists that are read in another segment is known that they are."""
    made = []
    lists = _NONE
    for segment in segments:
        body = restrict(segment.body, "", decide, lists)
        assert isinstance(body, Group)
        made.append(segment if body is segment.body else Segment(segment.name, body))
        if not segment.name:
            lists = lists_in(segment.body, lists)
    return tuple(made)


def restrict(element: Element, path: str, decide: Decide, lists: frozenset[str] = frozenset()) -> Element:
    """The element with the options that `decide` keeps; a choice with one option left is made. Unchanged parts are
    the same objects as before. An option of which nothing is left goes. `lists`: the lines around it that are lists.

    Raises: UserError for a choice without options, or what a choice of edges cannot keep.
    """
    try:
        return _restrict(element, path, _Keep(decide, lists))
    except _NothingLeft as fault:
        raise UserError(f"choice `{fault}` has no option left", "keep at least one of its options") from None


@dataclass(frozen=True)
class _Keep:
    decide: Decide
    lists: frozenset[str]
    """The names of lines that are lists."""


class _NothingLeft(Exception):
    """No option of this choice is kept."""


def _restrict(element: Element, path: str, keep: _Keep) -> Element:
    here = inside(element, path)
    match element:
        case Group():
            inputs = tuple((name, _restrict(value, path, keep)) for name, value in element.inputs)
            inner = _Keep(keep.decide, lists_in(element, keep.lists)) if element.names or element.inputs else keep
            lines = tuple(_each(line, here, inner) for line in element.lines)
            out = None if element.out is None else _restrict(element.out, here, inner)
            kept = same(lines, element.lines) and out is element.out
            if kept and same((e for _, e in inputs), (e for _, e in element.inputs)):
                return element
            return replace(element, lines=lines, inputs=inputs, out=out, call=None)
        case Repeat():
            items = tuple(_restrict(item, f"{here}[{i}]", keep) for i, item in enumerate(element.items))
            return element if same(items, element.items) else replace(element, items=items)
        case Many():
            items = tuple(
                _restrict(item, here if item.label else f"{here}[{i}]", keep) for i, item in enumerate(element.items)
            )
            return element if same(items, element.items) else replace(element, items=items)
        case Join():
            items = _each(element.inputs, here, keep)
            return element if items is element.inputs else replace(element, inputs=items)
        case BodyLayer():
            body = _restrict(element.body, here, keep)
            assert isinstance(body, Group)
            return element if body is element.body else replace(element, body=body)
        case When():
            then, otherwise = _restrict(element.then, here, keep), _restrict(element.otherwise, here, keep)
            if then is element.then and otherwise is element.otherwise:
                return element
            return replace(element, then=then, otherwise=otherwise)
        case LayerChoice():
            kept_texts = keep.decide(join(here, element.key), element.kind, tuple(o.text for o in element.options))
            options = _options([o for o in element.options if o.text in kept_texts], here, keep)
            if not options:
                raise _NothingLeft(join(here, element.key))
            if len(options) == 1:
                return _made(options[0].element, element)
            return element if _unchanged(options, element.options) else replace(element, options=options)
        case Pick():
            return _pick(element, here, keep)
        case DeferredCall():
            return _open(element, path, keep)
    return element


def _each(items: tuple[Element, ...], here: str, keep: _Keep) -> tuple[Element, ...]:
    made = tuple(_restrict(item, here, keep) for item in items)
    return items if same(made, items) else made


def _options(options: Sequence[Option], here: str, keep: _Keep) -> tuple[Option, ...]:
    found = []
    for option in options:
        try:
            inner = _restrict(option.element, here, keep)
        except _NothingLeft:
            continue
        found.append(option if inner is option.element else Option(option.text, inner, option.span))
    return tuple(found)


def _unchanged(new: tuple[Option, ...], old: tuple[Option, ...]) -> bool:
    return len(new) == len(old) and same(new, old)


def _made(option: Element, choice: LayerChoice) -> Element:
    """The one option that is left, in the place of the choice; choices inside it keep their names."""
    if option.label and any(True for _ in choices(option, "")):
        return Group(choice.label, ((option,),), choice.span)
    return relabel(option, choice.label)


_INDEX = re.compile(r"(.*)\[(\d+)\]")


def _pick(pick: Pick, here: str, keep: _Keep) -> Element:
    name = join(here, pick.key)
    texts = tuple(option.text for option in pick.options)
    kept = keep.decide(name, pick.kind, texts)
    least = pick.least
    whole = len(kept) == 1 and " + " in kept[0]
    if whole:
        kept = picked(kept[0])
        least = len(kept)
    elif any(" + " in text for text in kept):
        raise UserError(f"choice `{name}` can keep one value, or items to pick from", "write the items one by one")
    items = _items(pick, kept)
    lists = any(isinstance(o.element, NameRef) and gives_list(o.element, keep.lists) for o in items)  # so many values
    if len(items) < least and not lists:
        raise UserError(f"choice `{name}` takes at least {least}, and {len(items)} are left", "keep more of them")
    options = _options(items, here, keep)
    if len(options) < least and not lists:
        raise _NothingLeft(name)
    if len(options) == least and not lists and (whole or kept != texts):
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
        elif isinstance(option.element, NameRef) and option.element.index is None:
            of = [m for text in kept if (m := _INDEX.fullmatch(text)) and m[1] == option.text]
            for i in sorted(int(m[2]) for m in of):
                found.append(Option(f"{option.text}[{i}]", replace(option.element, index=i), option.span))
    return found


def _open(element: DeferredCall, path: str, keep: _Keep) -> Element:
    here = inside(element, path)
    fields = []
    for f in element.fields:
        kept = keep.decide(join(here, f.key), f.kind, f.options)
        if f.low is not None:
            fields.append(replace(f, options=kept[:1], low=None, high=None) if kept else f)
        else:
            options = tuple(text for text in f.options if text in kept)
            if not options:
                raise _NothingLeft(join(here, f.key))
            fields.append(f if options == f.options else replace(f, options=options))
    make = element.make
    if all(len(f.options) == 1 for f in fields):
        return _restrict(relabel(make(tuple(f.options[0] for f in fields)), element.label), path, keep)
    own = {join(here, f.key) for f in fields}
    below = [c for c in choices(element, path) if c.name not in own]
    if any(keep.decide(c.name, c.kind, c.options) not in ((), c.options) for c in below):
        return replace(element, fields=tuple(fields), make=lambda texts: _restrict(make(texts), here, keep))
    return element if same(fields, element.fields) else replace(element, fields=tuple(fields))


def lists_in(group: Group, lists: frozenset[str]) -> frozenset[str]:
    """The names of lists that the lines of a group can read."""
    known = set() if group.block is not None else set(lists)
    known.update(name for name, value in group.inputs if gives_list(value, lists))
    for i, line in enumerate(group.lines):
        if line and group.name_of(i) and gives_list(line[-1], frozenset(known)):
            known.add(group.name_of(i))
    return frozenset(known)


def gives_list(element: Element, lists: frozenset[str]) -> bool:
    """Whether several values can come out of an element."""
    match element:
        case Many() | Pick():
            return True
        case NameRef():
            return element.index is None and element.wire in lists
        case Group():
            last = element.out if element.out is not None else element.items[-1] if element.items else None
            return last is not None and gives_list(last, lists_in(element, lists))
        case Repeat():
            return bool(element.items) and gives_list(element.items[-1], lists)
        case When():
            return gives_list(element.then, lists) or gives_list(element.otherwise, lists)
        case LayerChoice():
            return any(gives_list(option.element, lists) for option in element.options)
        case DeferredCall():
            return gives_list(element.make(tuple(first_value(f) for f in element.fields)), lists)
    return False
