"""A space as a tree of layers with named choices: what the text means before shapes are known.

Labels are relative: the name of a layer or a choice is made from the labels on the way down to it, so a part can be
shared by many places and adding a stage renames nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from math import isfinite
from typing import TypeAlias, TypeVar

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Applied, Layer, Parameter, Value

P = TypeVar("P")


@dataclass(frozen=True)
class Choice:
    """One choice of a space: `s4.stack[3].op`, of kind `op`, between the texts of its options.

    A choice of edges (`pick 1..3 of [...]`) takes between `least` and `most` of its options at a time; what is chosen
    is written with ` + ` between them. A choice of a real number has no options: it lies from `low` to `high`.
    """

    name: str
    kind: str
    options: tuple[str, ...]
    span: Span | None = field(default=None, compare=False, repr=False)
    least: int | None = None
    most: int | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_subset(self) -> bool:
        return self.most is not None

    @property
    def is_real(self) -> bool:
        return self.low is not None

    def allows(self, value: str) -> bool:
        """Whether a text is a value of this choice."""
        if self.is_subset:
            assert self.least is not None and self.most is not None
            taken = picked(value)
            order = [self.options.index(t) for t in taken if t in self.options]
            known = len(order) == len(taken) and order == sorted(set(order))
            return known and self.least <= len(taken) <= self.most
        if self.is_real:
            number = real(value)
            assert self.low is not None and self.high is not None
            return number is not None and self.low <= number <= self.high
        return value in self.options


NOTHING = "none"
"""The value of a choice of edges that takes no edge. No option has this name."""


def picked(value: str) -> tuple[str, ...]:
    """The options in the value of a choice of edges: `r0 + f2` are two."""
    return () if value in ("", NOTHING) else tuple(value.split(" + "))


def together(options: Iterable[str]) -> str:
    """The value of a choice of edges that takes these options."""
    return " + ".join(options) or NOTHING


def real(value: str) -> float | None:
    """The number in the value of a real choice, or None when it is none."""
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) else None


@dataclass(frozen=True, eq=False)
class FromShape:
    """An argument that depends on what comes in, such as `2 if frames > 1 else 1`."""

    expression: tree.Expression
    parameter: Parameter
    layer: Layer


@dataclass(frozen=True, eq=False)
class LayerCall:
    """A layer of the catalogue with values for its arguments (some of them may be `FromShape`)."""

    label: str
    layer: Layer
    arguments: tuple[tuple[str, Value], ...]
    call: tree.Expression
    """What to print for it: no block parameter is left in it."""
    span: Span


@dataclass(frozen=True, eq=False)
class NameRef:
    """The value of an earlier line by its name, whatever came before: `r0` in `n6 = weighted(r0, r1)`.

    The name is that of a line, of an input of the block, or of the input of the space; a line that is a list gives
    several values.
    """

    label: str
    wire: str
    span: Span
    index: int | None = None
    """Which of the values of a list is meant, counted from 0: `level0[2]`; None for all of them."""
    several: bool = False
    """Whether the line is a list."""


@dataclass(frozen=True, eq=False)
class Group:
    """Layers one after the other, in the lines of the text: a use of a block, a chain, the body of a stage.

    A use of a block (`block` is given) has names of its own: inside, `Read` sees only its lines and inputs.
    """

    label: str
    lines: tuple[tuple[Element, ...], ...]
    span: Span
    block: str | None = None
    bound: tuple[tuple[str, Value], ...] = ()
    """The values of the block's parameters; a layer that was handed in stands as its text."""
    call: tree.Expression | None = None
    """The call that printing can use; None for a chain, and once a choice inside the block has been made."""
    names: tuple[str, ...] = ()
    """For each line the name that it is read by, or nothing; empty when no line has one."""
    inputs: tuple[tuple[str, Element], ...] = ()
    """What was handed to the block by name: the parameter and what it stands for outside of the block."""
    out: Element | None = None
    """What `out` gives; without one it is what the last line gives."""
    tied: bool = False
    """Every use of the block makes the same choices: they are named after the block, not after the place."""

    @cached_property
    def items(self) -> tuple[Element, ...]:
        return tuple(element for line in self.lines for element in line)

    def name_of(self, line: int) -> str:
        return self.names[line] if self.names else ""


@dataclass(frozen=True, eq=False)
class BodyLayer:
    """A layer with a body, `residual { ... }`. Without a label its body shares the names of the text around it."""

    label: str
    layer: Layer
    arguments: tuple[tuple[str, Value], ...]
    body: Group
    call: tree.Call
    span: Span


@dataclass(frozen=True, eq=False)
class Join:
    """A layer of several inputs, `concat(a, b -> relu)`: each begins with what came before, or reads a line."""

    label: str
    layer: Layer
    arguments: tuple[tuple[str, Value], ...]
    inputs: tuple[Element, ...]
    """Elements of one value, or of several: a Many, a Pick, a Read of a list, or Alternatives of such."""
    call: tree.Call
    """Its arguments without the inputs."""
    span: Span


@dataclass(frozen=True, eq=False)
class Many:
    """A list: `[a, b, 3 * c]`. Each item begins with what came before; together they give several values."""

    label: str
    items: tuple[Element, ...]
    span: Span


@dataclass(frozen=True, eq=False)
class Pick:
    """`pick 1..3 of [...]`: a choice of a subset of the items, in their order."""

    label: str
    key: str
    kind: str
    least: int
    most: int
    options: tuple[Option, ...]
    """An option whose element is a Read of a list stands for every value of it: `level0[0]`, `level0[1]`, ..."""
    span: Span

    @cached_property
    def texts(self) -> tuple[str, ...]:
        return tuple(option.text for option in self.options)


@dataclass(frozen=True, eq=False)
class When:
    """One of two, decided by what comes in: `pool if frames > 1 else skip`. It is no choice."""

    label: str
    test: tree.Compare
    """Over numbers and the names of axes."""
    then: Element
    otherwise: Element
    span: Span


@dataclass(frozen=True, eq=False)
class Option:
    """One option of a choice; `text` is how the space writes it."""

    text: str
    element: Element
    span: Span | None = None


@dataclass(frozen=True, eq=False)
class LayerChoice:
    """A choice between options. `key` is the last part of its name: `op`, `number` or a parameter."""

    label: str
    key: str
    kind: str
    options: tuple[Option, ...]
    span: Span

    @cached_property
    def texts(self) -> tuple[str, ...]:
        return tuple(option.text for option in self.options)


@dataclass(frozen=True)
class DeferredArgument:
    """One open argument of a call: between the texts of its options, or a real number from `low` to `high`."""

    key: str
    kind: str
    options: tuple[str, ...]
    span: Span
    low: float | None = None
    high: float | None = None
    structural: bool = True
    """Whether other choices below the call may depend on it."""
    parameter: str = ""
    """The parameter of the call in whose value it stands."""


@dataclass(frozen=True, eq=False)
class DeferredCall:
    """A call with more combinations of open arguments than are worth writing out, or with a real one: what it becomes
    is built when all of them are known."""

    label: str
    fields: tuple[DeferredArgument, ...]
    make: Callable[[tuple[str, ...]], Element] = field(repr=False)
    """From a text for each field to the element, with an empty label: the same one every time. Raises: VnsError."""
    call: tree.Call
    """As it is written."""
    span: Span


@dataclass(frozen=True, eq=False)
class Repeat:
    """Copies one after the other, each with weights and choices of its own."""

    label: str
    items: tuple[Element, ...]
    span: Span


Element: TypeAlias = (
    LayerCall | NameRef | Group | BodyLayer | Join | Many | Pick | When | LayerChoice | DeferredCall | Repeat
)


def _nothing(arguments: object, shape: object) -> Applied:
    raise VnsError(())  # its fault is reported where it was found


POISON = Layer("?", "stands for a line that could not be read", (), _nothing, takes="any")


def poison(span: Span) -> LayerCall:
    """What stands for a faulty line: no shape comes out of it, and nothing more is said about it."""
    return LayerCall("", POISON, (), tree.Name("?", span=span), span)


@dataclass(frozen=True, eq=False)
class Segment:
    """A stage, or (with an empty name) the lines between two stages, before the first or after the last."""

    name: str
    body: Group


def updated(part: P, **parts: object) -> P:
    """The same with other parts; the very same object where none of them is another one."""
    return part if all(getattr(part, name) == new for name, new in parts.items()) else replace(part, **parts)  # type: ignore[type-var]


def join(path: str, label: str) -> str:
    """A name from the labels on the way down: empty labels leave no trace."""
    if not label:
        return path
    if not path:
        return label
    return f"{path}.{label}"


def inside(element: Element, path: str) -> str:
    """The path of the choices inside an element that stands at `path`: those of a tied block are named after it."""
    if isinstance(element, Group) and element.tied:
        assert element.block is not None
        return element.block
    return join(path, element.label)


@lru_cache(4096)
def label_text(text: str) -> str:
    """An option's text as a name for weights: `basic(2)` as `basic_2`. Generated code has the same rule."""
    return "_".join("".join(c if c.isalnum() and c.isascii() else " " for c in text).split())


def unique(name: str, taken: Container[str], sign: str = "") -> str:
    """The name, with a number where it is taken. Generated code has the same rule."""
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}{sign}{count}"
    return found
