"""What a layer of the catalogue is: its signature, its shape rule, its cost and its code.

A layer is one object of class `Layer`, made in one file of this folder, or in a file of a project (`vnasdsl.custom`).
Shapes leave the batch out: (C, T, H, W) for a clip or a feature map, (C,) for a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, Literal, TypeAlias

Shape: TypeAlias = tuple[int, ...]
Value: TypeAlias = Any  # int, float, bool, str (a word) or a tuple of ints: what an argument can be
Arguments: TypeAlias = Mapping[str, Value]
Kind: TypeAlias = Literal[
    "channels", "outputs", "whole", "share", "sizes", "padding", "flag", "word", "real", "weights"
]

REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """One argument of a layer: `kind` says how its value is read (see `coerce` in `vnasdsl/space/values.py`).

    Where a number of channels or features may be `same` or `classes`, a rule gets the number that it stands for.
    """

    name: str
    kind: Kind
    default: Value = REQUIRED
    doc: str = ""
    words: tuple[str, ...] = ()
    """The values of the kind `word`."""
    low: float | None = None
    high: float | None = None
    """The least and the greatest value of the kinds `real` and `whole`."""
    same: str = ""
    """The parameter before this one that `same` stands for; without it `same` is the channels of the input."""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


class LayerError(Exception):
    """A layer that does not fit its input. The caller adds the place: that of `parameter` when one is given."""

    def __init__(self, code: str, message: str, help: str | None = None, parameter: str | None = None):
        self.code, self.message, self.help, self.parameter = code, message, help, parameter
        super().__init__(message)


@dataclass(frozen=True)
class Remark:
    """A warning: the layer can be built, but does less than it costs."""

    message: str
    why: str
    help: str
    parameter: str
    """The argument that is at fault."""


class ModuleClass(str):
    """A class of torch as an argument in generated code: `nn.SiLU`."""


@dataclass(frozen=True)
class Field:
    """One constructor argument in generated code; left out where every use has the default of torch."""

    name: str
    value: Value
    default: Value = None
    positional: bool = False

    @property
    def role(self) -> str:
        """What the argument is, whatever torch calls it."""
        return ROLES.get(self.name, self.name)

    @property
    def optional(self) -> bool:
        return not self.positional and self.value == self.default


ROLES = {
    "out_channels": "channels",
    "num_features": "channels",
    "normalized_shape": "channels",
    "widths": "channels",
    "kernel_size": "kernel",
    "in_features": "in_channels",
    "out_features": "features",
    "p": "share",
    "count_include_pad": "count",
}


@dataclass(frozen=True)
class ModuleCode:
    """A layer that is a module: `self.label = callee(fields...)`, applied as `self.label(x)`.

    A callee without a dot is a class of `templates/layers/CALLEE.py.j2`, which is copied into the generated file. It
    is needed where no single module of torch does the same, such as padding that differs between both ends of an axis.
    """

    callee: str
    fields: tuple[Field, ...]
    tensors: tuple[str, ...]  # names of its parameters and buffers in the state dict


@dataclass(frozen=True)
class FunctionCode:
    """A layer without parameters, as an expression of its input: `F.relu({x})`.

    With several inputs `{xs}` stands for all of them, separated by commas, `{sum}` for their sum, and `{product}` for
    their product, in which a vector multiplies the channels of maps.
    """

    expression: str


@dataclass(frozen=True)
class BodyCode:
    """A layer around a body: the input of the body, and what becomes of its output `{x}`.

    `{kept}` in `leave` is the input of the layer, after `shortcut` when there is one.
    """

    enter: str = "{x}"
    leave: str = "{x}"
    shortcut: ModuleCode | None = None


Code: TypeAlias = ModuleCode | FunctionCode | BodyCode | None  # None: the input itself (skip)


@dataclass(frozen=True)
class Applied:
    """A layer at a given input shape: everything that is known about it without running it."""

    output: Shape
    macs: int = 0
    params: int = 0
    code: Code = None
    attributes: tuple[tuple[str, Value], ...] = ()
    """Every argument with its value: two layers are the same when these are equal. A rule gives only those that it
    works out itself, such as the cells of `same` padding, and None for one that changes nothing here."""
    warning: Remark | None = None

    @property
    def activation_bytes(self) -> int:
        """Bytes of the output of one clip in 32-bit floats."""
        return 4 * prod(self.output)


@dataclass(frozen=True)
class Body:
    """The rules of a layer around a body."""

    leave: Callable[[Arguments, Shape, Shape, int], Applied]
    """(arguments, shape of the layer's input, shape of the body's output, classes): the output, the costs of the layer
    without its body, and `BodyCode`. Raises LayerError."""
    enter: Callable[[Arguments, Shape], Shape] = lambda arguments, shape: shape
    """(arguments, shape of the layer's input): the shape of the body's input. Raises LayerError."""
    times: Callable[[Arguments], int] = lambda arguments: 1
    """How often the body runs for one clip: its MACs count so many times, its parameters once."""
    apart: bool = False
    """Whether the body gets parts of the clip: then it cannot read lines outside of it, which are of whole clips."""


@dataclass(frozen=True)
class Layer:
    """An entry of the catalogue: a signature and one of three rules.

    `rule(arguments, shape)` gets every argument, defaults filled in, and raises `LayerError`. A layer that joins takes
    several inputs, `concat(a, b)`, and has `join(arguments, shapes, classes)` instead. A layer with `body` takes lines
    in braces: `residual { ... }`.
    """

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    rule: Callable[[Arguments, Shape], Applied] | None = field(default=None, repr=False)
    join: Callable[[Arguments, tuple[Shape, ...], int], Applied] | None = field(default=None, repr=False)
    body: Body | None = field(default=None, repr=False)
    takes: Literal["map", "any"] = "map"
    """What its rule takes: channels x frames x rows x columns, or vectors too."""
    source: str = field(default="", repr=False)
    """Of a layer of a project: the Python classes that its code calls, which are copied into the generated file."""

    def apply(self, arguments: Arguments, shape: Shape, classes: int) -> Applied:
        """The layer with these arguments (defaults filled in) at an input shape. Raises: LayerError."""
        if self.takes == "map":
            need_map(self.name, shape)
        known = dict(arguments)
        for p in self.parameters:
            if known[p.name] == "same" and p.kind in ("channels", "outputs"):
                known[p.name] = known[p.same] if p.same else shape[0]
            elif known[p.name] == "classes" and p.kind == "outputs":
                known[p.name] = classes
        assert self.rule is not None
        applied = self.rule(known, shape)
        attributes = {p.name: known[p.name] for p in self.parameters} | dict(applied.attributes)
        return replace(applied, attributes=tuple((k, v) for k, v in attributes.items() if v is not None))

    @property
    def wraps(self) -> bool:
        return self.body is not None

    @property
    def signature(self) -> str:
        parts = ["a", "b", "..."] if self.join is not None else []
        parts += [p.name if p.required else f"{p.name}={show_value(p.default)}" for p in self.parameters]
        return f"{self.name}({', '.join(parts)})" if parts else self.name


NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
"""Parameters and buffers of a batch normalisation."""


def tensors(*parts: str) -> tuple[str, ...]:
    """The tensors of the parts of a module: "conv" has a weight, "conv+" a bias as well, "bn*" those of `NORM`."""
    found: list[str] = []
    for part in parts:
        own = NORM if part.endswith("*") else ("weight", "bias") if part.endswith("+") else ("weight",)
        found += (f"{part.rstrip('*+')}.{tensor}" for tensor in own)
    return tuple(found)


def divisors(size: int, near: int, what: object = None) -> str | None:
    """The numbers next to one that divide a size, for a help; None where only 1 does."""
    fitting = sorted((n for n in range(1, size + 1) if size % n == 0), key=lambda n: abs(n - near))[:4]
    return f"numbers near it that divide {what or size}: {', '.join(map(str, sorted(fitting)))}" if size > 1 else None


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
    """The shape as (C, T, H, W). Raises: LayerError for a vector."""
    if len(shape) != 4:
        raise LayerError(
            "E0403",
            f"`{layer}` needs channels x frames x rows x columns, the input is a vector of {shape[0]}",
            "it may stand only before `pool`",
        )
    return shape
