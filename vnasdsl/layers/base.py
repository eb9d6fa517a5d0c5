"""What a layer of the catalogue is: its signature, its shape rule, its cost and its code.

A layer is one object of class `Layer`, made in one file of this folder and listed in `vnasdsl/layers/__init__.py`.
Shapes leave the batch out: (C, T, H, W) for a clip or a feature map, (C,) for a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal, TypeAlias

Shape: TypeAlias = tuple[int, ...]
Value: TypeAlias = Any  # int, float, bool, str (a word) or a tuple of ints: what an argument can be
Kind: TypeAlias = Literal[
    "channels", "outputs", "whole", "share", "sizes", "padding", "flag", "units", "word", "real", "weights"
]

REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """One argument of a layer: `kind` says how its value is read (see `coerce` in `vnasdsl/space/values.py`)."""

    name: str
    kind: Kind
    default: Value = REQUIRED
    doc: str = ""
    words: tuple[str, ...] = ()
    """Of the kind `word`: the words there are."""
    low: float | None = None
    high: float | None = None
    """Of the kinds `real` and `whole`: the least and the greatest value."""
    rising: bool = False
    """Of the kinds `real` and `share`: MACs and parameters never fall when it grows, and no shape depends on it."""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


class LayerError(Exception):
    """A layer that cannot stand here; the caller knows the place and adds it: that of `parameter` when it is given."""

    def __init__(self, code: str, message: str, help: str | None = None, parameter: str | None = None):
        self.code, self.message, self.help, self.parameter = code, message, help, parameter
        super().__init__(message)


@dataclass(frozen=True)
class Remark:
    """What a layer says about itself where it can be built and yet does less than it costs."""

    message: str
    why: str
    help: str
    parameter: str
    """The argument that is at fault."""


@dataclass(frozen=True)
class Field:
    """One constructor argument in generated code; left out where every use has the default of torch."""

    name: str
    value: Value
    role: str = ""
    default: Value = None
    positional: bool = False

    @property
    def optional(self) -> bool:
        return not self.positional and self.value == self.default


@dataclass(frozen=True)
class ModuleCode:
    """A layer that is a module: `self.label = callee(fields...)`, applied as `self.label(x)`.

    A callee without a dot is a class of `templates/layers/CALLEE.py.j2`, which the generated module then holds: so is
    everything that one module of torch cannot do, such as padding that differs between both ends of an axis.
    """

    callee: str
    fields: tuple[Field, ...]
    tensors: tuple[str, ...]  # names of its parameters and buffers in the state dict


@dataclass(frozen=True)
class FunctionCode:
    """A layer without parameters that is an expression of its input: `F.relu({x})`.

    With several inputs `{xs}` stands for all of them, comma separated, and `{sum}` for their sum.
    """

    expression: str


@dataclass(frozen=True)
class BodyCode:
    """A layer around a body: what the body is given, and what is made of the body's result `{x}`.

    `{kept}` in `leave` is what came in, gone through `shortcut` when there is one.
    """

    enter: str = "{x}"
    leave: str = "{x}"
    shortcut: ModuleCode | None = None


Code: TypeAlias = ModuleCode | FunctionCode | BodyCode | None  # None: the input itself (skip)


@dataclass(frozen=True)
class Applied:
    """A layer at a given input shape: everything known about it without running it."""

    output: Shape
    macs: int = 0
    params: int = 0
    code: Code = None
    attributes: tuple[tuple[str, Value], ...] = ()
    """The arguments with every default and `same` filled in: two layers are the same when these are equal."""
    warning: Remark | None = None

    @property
    def activation_bytes(self) -> int:
        """Bytes of the output of one clip in 32-bit floats."""
        return 4 * prod(self.output)


@dataclass(frozen=True)
class Body:
    """The rules of a layer around a body."""

    leave: Callable[[Mapping[str, Value], Shape, Shape, int], Applied]
    """(arguments, shape that came in, shape that the body gives, classes): what comes out, with its own costs only and
    with `BodyCode`. Raises LayerError."""
    enter: Callable[[Mapping[str, Value], Shape], Shape] = lambda arguments, shape: shape
    """(arguments, shape that came in): the shape that the body is given. Raises LayerError."""
    times: Callable[[Mapping[str, Value]], int] = lambda arguments: 1
    """How often the body runs for one clip: its MACs count so many times, its parameters once."""
    apart: bool = False
    """Whether the body is given parts of the clip: it cannot read lines outside of it, which are of whole clips."""


@dataclass(frozen=True)
class Layer:
    """An entry of the catalogue.

    `apply(arguments, shape, classes)` gets every parameter (defaults filled in) and raises `LayerError`.
    A layer that joins takes several inputs in its parentheses: `concat(a, b)`; `join(arguments, shapes, classes)` is
    called in the place of `apply`. A layer with `body` takes lines in braces: `residual { ... }`.
    """

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    apply: Callable[[Mapping[str, Value], Shape, int], Applied] | None = field(repr=False)
    join: Callable[[Mapping[str, Value], tuple[Shape, ...], int], Applied] | None = field(default=None, repr=False)
    body: Body | None = field(default=None, repr=False)
    """What it does around a body."""

    @property
    def wraps(self) -> bool:
        return self.body is not None

    @property
    def signature(self) -> str:
        parts = ["a", "b", "..."] if self.join is not None else []
        parts += [p.name if p.required else f"{p.name}={show_value(p.default)}" for p in self.parameters]
        return f"{self.name}({', '.join(parts)})" if parts else self.name


def show_value(value: Value) -> str:
    """A value as the language writes it: `(1, 3, 3)` as `1x3x3`, True as `true`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        if not value or any(isinstance(v, float) for v in value):
            return f"[{', '.join(map(str, value))}]"
        return "x".join(str(v) for v in value)
    return str(value)


def show_shape(shape: Shape) -> str:
    """`(48, 16, 56, 56)` as `48 x 16 x 56 x 56`."""
    return " x ".join(str(n) for n in shape)


def need_map(layer: str, shape: Shape) -> tuple[int, int, int, int]:
    """The shape as (C, T, H, W), or a `LayerError` when it is a vector."""
    if len(shape) != 4:
        raise LayerError(
            "E0403",
            f"`{layer}` needs channels x frames x rows x columns, the input is a vector of {shape[0]}",
            "it may stand only before `pool`",
        )
    return shape
