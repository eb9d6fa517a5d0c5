"""What a traced network does, step by step, in layers of the language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import REQUIRED, Shape, Value, show_value

GRID = "positions"
"""What begins the body of `on_grid`: its own operation, which no text shows."""


class Raw(str):
    """The text of an argument, where it is no plain value."""


@dataclass(eq=False)
class Operation:
    """One layer of the traced network; the clip is one without a layer."""

    layer: str
    inputs: tuple[Operation, ...]
    shape: Shape
    arguments: dict[str, Value] = field(default_factory=dict)
    """Only those that are not the default."""
    weights: dict[str, str] = field(default_factory=dict)
    """The tensors of the layer, each with its name in the state dictionary of the traced module."""
    owners: tuple[tuple[str, str], ...] = ()
    """The modules around it that are not torch's own, outermost first: path and name of the class."""
    place: str = ""
    """The path of the innermost module around it."""
    body: Operation | None = None
    """Of a layer around a body, its last operation; its first is `GRID`."""


def with_defaults(layer: str, given: dict[str, Value]) -> dict[str, Value]:
    return {p.name: p.default for p in CATALOGUE[layer].parameters} | given


def ordered(output: Operation) -> Iterator[Operation]:
    """The operations that a value depends on, inputs first."""
    done: set[Operation] = set()
    pending = [(output, False)]
    while pending:
        operation, ready = pending.pop()
        if ready:
            yield operation
        elif operation not in done:
            done.add(operation)
            pending.append((operation, True))
            pending += [(given, False) for given in reversed(operation.inputs)]


def default_of(layer: str, parameter: str) -> Value:
    """What an argument is when it is not written; `REQUIRED` where it must be."""
    known = CATALOGUE[layer].parameters if layer in CATALOGUE else ()
    return next((p.default for p in known if p.name == parameter), REQUIRED)


def written(layer: str, arguments: dict[str, Value], inputs: str = "") -> str:
    """A call as the language writes it; a join has its inputs first."""
    if layer not in CATALOGUE:  # a block: all of its arguments, in their order
        return f"{layer}({', '.join(map(shown, arguments.values()))})" if arguments else layer
    given = [inputs] if inputs else []
    by_place = True
    for parameter in CATALOGUE[layer].parameters:
        value = arguments.get(parameter.name, parameter.default)
        if value == parameter.default:
            by_place = False
            continue
        by_place = by_place and parameter.required
        given.append(shown(value) if by_place else f"{parameter.name}={shown(value)}")
    return f"{layer}({', '.join(given)})" if given else layer


def shown(value: Value) -> str:
    if isinstance(value, Raw):
        return value
    return repr(value) if isinstance(value, float) else show_value(value)
