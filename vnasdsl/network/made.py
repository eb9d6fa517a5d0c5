"""Choices found while a network is read, named relative to the place: parts of a space are shared by many places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Source, Span
from vnasdsl.space.elements import DeferredArgument, join, real
from vnasdsl.space.values import expression_of

Made: TypeAlias = "tuple[object, ...]"
"""() or ("both", made, made), ("at", label, made), ("copy", i, made), ("choice", key, all possible values)."""


def both(a: Made, b: Made) -> Made:
    return ("both", a, b) if a and b else a or b


def at(label: str, made: Made) -> Made:
    return ("at", label, made) if made and label else made


def copy(number: int, made: Made) -> Made:
    return ("copy", number, made) if made else made


def listed(made: Made, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The choices by name, with the values that are possible."""
    todo: list[tuple[Made, str]] = [(made, path)]
    while todo:
        here, path = todo.pop()
        match here:
            case ("both", a, b):
                todo += [(b, path), (a, path)]  # type: ignore[list-item]
            case ("at", str(label), inner):
                todo.append((inner, join(path, label)))  # type: ignore[arg-type]
            case ("copy", int(i), inner):
                todo.append((inner, f"{path}[{i}]"))  # type: ignore[arg-type]
            case ("choice", str(key), values):
                yield join(path, key), values  # type: ignore[misc]


def written(value: object, field: DeferredArgument) -> str | None:
    """A value of the network as the space writes it; None where the space has no such value."""
    if field.low is not None and field.high is not None:
        number = real(str(value))
        return repr(number) if number is not None and field.low <= number <= field.high else None
    spelled = {"".join(str(value).split())}
    if not isinstance(value, str):
        nowhere = Span(Source("", ""), 0, 0)
        spelled.add("".join(print_inline(expression_of(value, nowhere)).split()))
    return next((o for o in field.options if "".join(o.split()) in spelled), None)
