"""What changed inside a line, as it is written: arguments, options of a choice, copies, its label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import show_value
from vnasdsl.show.diff.model import Detail
from vnasdsl.show.diff.rows import Row


def details(before: Row, after: Row) -> tuple[Detail, ...]:
    """Empty where two lines have too little in common to say more than before and after."""
    found: list[Detail] = []
    if before.name != after.name:
        found.append(Detail("label", "label", before.side.label, after.side.label))
    definitions = before.maker.space.definitions, after.maker.space.definitions
    return (*found, *_between(before.value, after.value, definitions))


def _between(a: tree.Expression, b: tree.Expression, definitions: tuple[Definitions, Definitions]) -> Iterator[Detail]:
    match a, b:
        case tree.Chain(), tree.Chain() if len(a.items) == len(b.items):
            for x, y in zip(a.items, b.items, strict=True):
                of = f"{_function(y)}." if isinstance(y, (tree.Call, tree.Name)) else ""
                yield from (replace(d, name=of + d.name) for d in _between(x, y, definitions))
        case tree.Choice(), tree.Choice():
            yield from _options("op", a.options, b.options)
        case tree.Binary(op="*"), tree.Binary(op="*"):
            yield from _value("copies", a.left, b.left, "copies")
            yield from _between(a.right, b.right, definitions)
        case tree.Pick(), tree.Pick():
            yield from _value("pick", a.count, b.count)
            if isinstance(a.pool, tree.List) and isinstance(b.pool, tree.List):
                yield from _options("edges", a.pool.items, b.pool.items)
        case tree.Call() | tree.Name(), tree.Call() | tree.Name() if _function(a) == _function(b):
            old, new = _arguments(a, definitions[0]), _arguments(b, definitions[1])
            for name in dict.fromkeys([*new, *old]):
                default = _default(_function(b), name, definitions[1])
                yield from _value(name, old.get(name, default), new.get(name, default))
            yield from _inputs(a, b, definitions)


def _value(
    name: str, a: tree.Expression | str, b: tree.Expression | str, what: Literal["argument", "copies"] = "argument"
) -> Iterator[Detail]:
    if isinstance(a, tree.Choice) and isinstance(b, tree.Choice):
        yield from _options(name, a.options, b.options)
        return
    before, after = (value if isinstance(value, str) else print_inline(value) for value in (a, b))
    if before != after:
        yield Detail(what, name, before, after)


def _options(name: str, a: Sequence[tree.Expression], b: Sequence[tree.Expression]) -> Iterator[Detail]:
    """What is on one side only."""
    left, right = [print_inline(value) for value in a], [print_inline(value) for value in b]
    if not set(left) & set(right):
        yield Detail("argument", name, " | ".join(left), " | ".join(right))
        return
    yield from (Detail("option", name, text, None) for text in left if text not in right)
    yield from (Detail("option", name, None, text) for text in right if text not in left)


def _inputs(
    a: tree.Call | tree.Name, b: tree.Call | tree.Name, definitions: tuple[Definitions, Definitions]
) -> Iterator[Detail]:
    """Of a layer with several inputs: what changed in each of them, else which are on one side only."""
    layer = definitions[1].layers.get(_function(b))
    if layer is None or layer.join is None:
        return
    left, right = ([argument.value for argument in _call(side).arguments if not argument.name] for side in (a, b))
    found = [d for x, y in zip(left, right, strict=False) for d in _between(x, y, definitions)]
    if found and len(left) == len(right):
        yield from found
    elif {*map(print_inline, left)} & {*map(print_inline, right)}:
        yield from _options("input", left, right)


def _function(use: tree.Call | tree.Name) -> str:
    return use.function if isinstance(use, tree.Call) else use.id


def _call(use: tree.Call | tree.Name) -> tree.Call:
    return use if isinstance(use, tree.Call) else tree.Call(use.id, span=use.span)


def _arguments(use: tree.Call | tree.Name, definitions: Definitions) -> Mapping[str, tree.Expression]:
    try:
        return definitions.bind(_call(use))
    except VnsError:  # a name that is no layer, such as that of a line
        return {}


def _default(function: str, parameter: str, definitions: Definitions) -> str:
    for p in definitions.parameters(function):
        if p.name == parameter and p.default is not None:
            return print_inline(p.default) if isinstance(p, tree.Parameter) else show_value(p.default)
    return "default"
