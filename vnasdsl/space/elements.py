"""A space as a tree of layers with named choices: what the text means before shapes are known.

Labels are relative: the name of a layer or a choice is made from the labels on the way down to it, so a part can be
shared by many places and adding a stage renames nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from vnasdsl.language import tree
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Applied, Layer, Value


@dataclass(frozen=True)
class Choice:
    """One choice of a space: `s4.stack[3].op`, of kind `op`, between the texts of its options."""

    name: str
    kind: str
    options: tuple[str, ...]
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, eq=False)
class Op:
    """A layer of the catalogue with values for its arguments."""

    label: str
    layer: Layer
    arguments: tuple[tuple[str, Value], ...]
    call: tree.Expression
    """What to print for it: no block parameter is left in it."""
    span: Span


@dataclass(frozen=True, eq=False)
class Group:
    """Layers one after the other, in the lines of the text: a use of a block, a chain, the body of a stage."""

    label: str
    lines: tuple[tuple[Element, ...], ...]
    span: Span
    block: str | None = None
    bound: tuple[tuple[str, Value], ...] = ()
    """The values of the block's parameters."""
    call: tree.Expression | None = None
    """The call that printing can use; None for a chain, and once a choice inside the block has been made."""

    @cached_property
    def items(self) -> tuple[Element, ...]:
        return tuple(element for line in self.lines for element in line)


@dataclass(frozen=True, eq=False)
class Wrap:
    """A layer with a body, `residual { ... }`. Without a label its body shares the names of the text around it."""

    label: str
    layer: Layer
    arguments: tuple[tuple[str, Value], ...]
    body: Group
    call: tree.Call
    span: Span


@dataclass(frozen=True, eq=False)
class Option:
    """One option of a choice; `text` is how the space writes it."""

    text: str
    element: Element
    span: Span | None = None


@dataclass(frozen=True, eq=False)
class Alternatives:
    """A choice between options. `key` is the last part of its name: `op`, `number` or a parameter."""

    label: str
    key: str
    kind: str
    options: tuple[Option, ...]
    span: Span


@dataclass(frozen=True, eq=False)
class Repeat:
    """Copies one after the other, each with weights and choices of its own."""

    label: str
    items: tuple[Element, ...]
    span: Span


Element: TypeAlias = Op | Group | Wrap | Alternatives | Repeat


def _nothing(arguments: object, shape: object, classes: object) -> Applied:
    raise AssertionError("a line that could not be read has no shape")


POISON = Layer("?", "stands for a line that could not be read", (), _nothing)


def poison(span: Span) -> Op:
    """What stands for a faulty line: no shape comes out of it, and nothing more is said about it."""
    return Op("", POISON, (), tree.Name("?", span=span), span)


@dataclass(frozen=True, eq=False)
class Segment:
    """A stage, or (with an empty name) the lines between two stages, before the first or after the last."""

    name: str
    body: Group


def relabel(element: Element, label: str) -> Element:
    return element if element.label == label else replace(element, label=label)


def join(path: str, label: str) -> str:
    """A name from the labels on the way down: empty labels leave no trace."""
    if not label:
        return path
    if not path:
        return label
    return f"{path}.{label}"


def children(element: Element, path: str) -> Iterator[tuple[Element, str]]:
    """The parts of an element with the path of the place each stands in (their own labels not yet added)."""
    here = join(path, element.label)
    match element:
        case Group():
            for item in element.items:
                yield item, here
        case Wrap():
            yield element.body, here
        case Alternatives():
            for option in element.options:
                yield option.element, here
        case Repeat():
            for i, item in enumerate(element.items):
                yield item, f"{here}[{i}]"


def choices(element: Element, path: str) -> Iterator[Choice]:
    """Every choice below an element, outer ones first, in the order of the text; a name can come more than once
    when it lives in several options of another choice."""
    if isinstance(element, Alternatives):
        name = join(join(path, element.label), element.key)
        yield Choice(name, element.kind, tuple(o.text for o in element.options), element.span)
    for child, where in children(element, path):
        yield from choices(child, where)


def label_text(text: str) -> str:
    """An option's text as a name for weights: `basic(2)` as `basic_2`. Generated code has the same rule."""
    return "_".join("".join(c if c.isalnum() and c.isascii() else " " for c in text).split())
