"""The syntax tree of a .vns file, with the span of every node.

Two trees are equal if they have the same meaning: spans and the spelling of numbers do not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from vnasdsl.language.source import Source, Span


@dataclass(frozen=True, kw_only=True)
class Node:
    span: Span = field(compare=False, repr=False)


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True)
class Name(Node):
    """`same`, `bn`, `clip`, `classes`: a layer without arguments, a wire, a parameter or a word."""

    id: str


@dataclass(frozen=True)
class Number(Node):
    """`16`, `0.5`, `1e-4`, `20G`, `40ms`. The value has its magnitude (K M G T) applied; `unit` is "", "ms" or "s"."""

    value: int | float
    unit: str = ""
    text: str = field(default="", compare=False)


@dataclass(frozen=True)
class String(Node):
    value: str


@dataclass(frozen=True)
class Dims(Node):
    """`1x3x3`: sizes along (time, height, width), or (height, width)."""

    values: tuple[int, ...]


@dataclass(frozen=True)
class Tuple(Node):
    """`(1, s, s)`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class List(Node):
    """`[a, b]`."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Negative(Node):
    """`-x`."""

    operand: Expression


@dataclass(frozen=True)
class Binary(Node):
    """`left op right` with op one of `+ - * //`. `N * x` means N copies when x is a layer."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Compare(Node):
    """`left op right` with op one of `< <= > >= == !=`."""

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Conditional(Node):
    """`then if test else otherwise`, decided by values that are known when the file is read."""

    then: Expression
    test: Compare
    otherwise: Expression


@dataclass(frozen=True)
class Range(Node):
    """`low..high`, both ends included: a choice between whole numbers, or over reals."""

    low: Expression
    high: Expression


@dataclass(frozen=True)
class Pick(Node):
    """`pick K of [..]`: a choice of a subset."""

    count: Expression
    pool: Expression


@dataclass(frozen=True)
class Argument(Node):
    """One argument of a call; `name` is None if it is positional."""

    name: str | None
    value: Expression


@dataclass(frozen=True)
class Call(Node):
    """`conv(32, 1x3x3, stride=2)`, `residual { ... }`, `residual(project=true) { ... }`."""

    function: str
    arguments: tuple[Argument, ...] = ()
    body: tuple[Statement, ...] | None = None
    function_span: Span | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Chain(Node):
    """`a -> b -> c` (at least two items, none of them a Chain)."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Choice(Node):
    """`a | b | c` between layers or values (at least two options; one in parentheses may be a Choice of its own)."""

    options: tuple[Expression, ...]


@dataclass(frozen=True)
class Gap(Node):
    """What could not be read; only in the result of `parse_partial`."""


Expression: TypeAlias = (
    Name
    | Gap
    | Number
    | String
    | Dims
    | Tuple
    | List
    | Negative
    | Binary
    | Compare
    | Conditional
    | Range
    | Pick
    | Call
    | Chain
    | Choice
)

# ----------------------------------------------------------------- statements


@dataclass(frozen=True)
class Line(Node):
    """An expression on its own line. Each line takes the previous line's output."""

    value: Expression


@dataclass(frozen=True)
class Wire(Node):
    """`name = expression`: a line with a label, by which later lines can use its output."""

    name: str
    value: Expression
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Out(Node):
    """`out expression`: the output of a block, if that is not its last line."""

    value: Expression


@dataclass(frozen=True)
class Input(Node):
    """`input clip = video(frames=16, size=224)`."""

    name: str
    value: Expression
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Stage(Node):
    """`stage s1 { ... }`."""

    name: str
    body: tuple[Statement, ...]
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Require(Node):
    """`require macs <= 20G`."""

    condition: Compare


Statement: TypeAlias = Line | Wire | Out | Input | Stage | Require

# ---------------------------------------------------------------- definitions


@dataclass(frozen=True)
class Import(Node):
    """`import "relative.vns"`."""

    path: String


@dataclass(frozen=True)
class Parameter(Node):
    name: str
    default: Expression | None = None


@dataclass(frozen=True)
class Block(Node):
    """`block name(parameters) { ... }`; `tied`: every use makes the same choices, with its own weights."""

    name: str
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    tied: bool = False
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Space(Node):
    """`space name { ... }`."""

    name: str
    body: tuple[Statement, ...]
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Network(Node):
    """`network name { ... }`, or `network name : space { ... }` which claims that it lies in that space."""

    name: str
    space: Name | None
    body: tuple[Statement, ...]
    name_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Entry(Node):
    """`key = value` in a recipe; a key may be dotted (`weights.lr`)."""

    key: str
    value: Expression
    key_span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Recipe(Node):
    """`search name for space { ... }`, `retrain name for space { ... }`, `evaluate name for space { ... }`."""

    kind: str
    name: str
    target: Name
    entries: tuple[Entry, ...]
    name_span: Span = field(compare=False, repr=False, kw_only=True)


Definition: TypeAlias = Import | Block | Space | Network | Recipe


@dataclass(frozen=True)
class Module(Node):
    """One file."""

    source: Source = field(compare=False, repr=False, kw_only=True)
    items: tuple[Definition, ...]
