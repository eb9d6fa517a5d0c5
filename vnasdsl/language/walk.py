"""Walking a syntax tree without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import TypeVar

from vnasdsl.language import tree
from vnasdsl.language.source import Span

N = TypeVar("N", bound=tree.Node)

_PLAIN = {"span", "name_span", "key_span", "function_span", "source"}
_VALUES = {"str", "bool", "int | float", "str | None", "tuple[int, ...]"}


def _fields(kind: type[tree.Node]) -> tuple[str, ...]:
    """The fields that hold nodes: one, none, or a tuple of nodes."""
    return tuple(field.name for field in fields(kind) if field.name not in _PLAIN and field.type not in _VALUES)


_FIELDS = {kind: _fields(kind) for kind in tree.Node.__subclasses__()}


def children(node: tree.Node) -> list[tree.Node]:
    """The nodes directly inside a node, in the order of its fields."""
    found: list[tree.Node] = []
    for name in _FIELDS[type(node)]:
        value = getattr(node, name)
        if type(value) is tuple:
            found += value
        elif value is not None:
            found.append(value)
    return found


def walk(*roots: tree.Node) -> Iterator[tree.Node]:
    """The given nodes and everything inside them, each before its children."""
    pending = list(reversed(roots))
    while pending:
        node = pending.pop()
        yield node
        if _FIELDS[type(node)]:
            pending += children(node)[::-1]


def rewritten(node: N, rule: Callable[[tree.Node], tree.Node | None]) -> N:
    """The same tree with what `rule` gives in the place of nodes, where it gives something. The rest is kept."""
    new = rule(node)
    if new is not None:
        return new  # type: ignore[return-value]
    made = node
    for name in _FIELDS[type(node)]:
        old = getattr(node, name)
        part: object
        if type(old) is tuple:
            items = [rewritten(item, rule) for item in old]
            part = tuple(items) if any(a is not b for a, b in zip(items, old, strict=True)) else old
        else:
            part = old if old is None else rewritten(old, rule)
        if part is not old:
            if made is node:
                made = object.__new__(type(node))
                made.__dict__.update(node.__dict__)
            made.__dict__[name] = part
    return made


def names_used(*roots: tree.Node) -> Iterator[tuple[str, Span]]:
    """The names in some nodes and the functions that are called, each with its place."""
    for node in walk(*roots):
        if isinstance(node, tree.Name):
            yield node.id, node.span
        elif isinstance(node, tree.Call):
            yield node.function, node.function_span or node.span


def blocks_used(body: Iterable[tree.Node], blocks: Mapping[str, tree.Block]) -> list[tree.Block]:
    """The blocks that some lines use, directly or through other blocks, in the order of their definition."""
    used: set[str] = set()
    todo = list(body)
    while todo:
        for name, _ in names_used(todo.pop()):
            if name in blocks and name not in used:
                used.add(name)
                todo.extend(blocks[name].body)
    return [block for name, block in blocks.items() if name in used]
