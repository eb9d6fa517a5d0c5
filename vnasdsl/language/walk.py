"""Going through a syntax tree without recursion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from vnasdsl.language import tree


def _fields(kind: type[tree.Node]) -> tuple[str, ...]:
    skipped = {"span", "name_span", "key_span", "function_span", "source"}
    return tuple(field.name for field in fields(kind) if field.name not in skipped)


_FIELDS = {kind: _fields(kind) for kind in tree.Node.__subclasses__()}


def children(node: tree.Node) -> list[tree.Node]:
    """The nodes directly inside a node, in the order of the text (as far as the fields keep it)."""
    found: list[tree.Node] = []
    for name in _FIELDS[type(node)]:
        value = getattr(node, name)
        if isinstance(value, tree.Node):
            found.append(value)
        elif isinstance(value, tuple):
            found.extend(item for item in value if isinstance(item, tree.Node))
    return found


def walk(*roots: tree.Node) -> Iterator[tree.Node]:
    """The given nodes and everything inside them, each before what it holds."""
    pending = list(reversed(roots))
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(children(node)))
