"""What a network's graph is made of: its layers, and the tree of regions that they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import TypeAlias

from vnasdsl.language.diagnostics import UserError, error
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Code, Layer, Shape, Value
from vnasdsl.space.elements import Element

Values: TypeAlias = "str | tuple[str, ...]"
"""What a part gives: the key of a node, or those of a list."""
Attributes: TypeAlias = tuple[tuple[str, Value], ...]

SINGLE = ("sum", "mean", "product", "concat", "weighted")
"""Layers of several inputs that hand on a single input unchanged, without a weight."""


@dataclass(frozen=True, slots=True)
class LayerNode:
    """One layer, where it stands in one network.

    Shapes are (C, T, H, W) or (C,), without the batch; empty where a choice that is still open decides them.
    """

    label: str
    operation: str
    """The name of the layer, or `input`, `add` (the end of a residual), `mix` (several options, one to be chosen)."""
    inputs: tuple[str, ...]
    shape: Shape
    input_shape: Shape = ()
    """The shape of the first input."""
    macs: int = 0
    """Multiply-adds for one clip."""
    params: int = 0
    attributes: Attributes = ()
    """The arguments with defaults filled in: layers with equal attributes and inputs compute the same function."""
    layer: Layer | None = None
    code: Code = None
    span: Span | None = field(default=None, compare=False)
    """Where it comes from in the file: the layer, or the outermost use of a block around it."""
    origin: str = field(default="", compare=False)
    """Where it comes from in the space: `s4.stack.3.basic.conv2`. No two nodes of one network share it."""
    region: tuple[str, ...] = field(default=(), compare=False)
    """The stage, uses of blocks and options around it, outermost first."""
    enter: str | None = None
    """Of the end of a body: the node that stands for what the body is given, if that is not the layer's own input."""

    @property
    def activation_bytes(self) -> int:
        """Bytes of the output for one clip in 32-bit floats; 0 where the shape is open."""
        return 4 * prod(self.shape) if self.shape else 0

    @property
    def is_layer(self) -> bool:
        """Whether the file has this layer; the addition of a residual counts where it has weights of its own."""
        return self.layer is not None and (self.operation != "add" or self.params > 0)

    @property
    def architecture(self) -> tuple[str, Shape, Attributes]:
        """What it computes, without the weights of edges: those are trained, not designed."""
        weights = {p.name for p in self.layer.parameters if p.kind == "weights"} if self.layer is not None else ()
        return self.operation, self.shape, tuple(pair for pair in self.attributes if pair[0] not in weights)


@dataclass(eq=False, slots=True)
class Part:
    """A part of a network: an element of the space with every choice made, and the nodes it became.

    Which fields are used depends on `element`: a LayerCall or Join has a node of its own (None where it hands on its
    input); a Group has lines, inputs and perhaps an `out`; a BodyLayer has its body as the only item; Repeat, Many and
    Join have their items in one line. A LayerChoice or Pick occurs only in a supernet: its items are the options, named
    by `texts`.
    """

    element: Element
    label: str
    """The name it has inside the part around it."""
    before: Values
    """What came in."""
    value: Values
    """What it gives."""
    node: str | None = None
    """The node of its own layer."""
    lines: tuple[tuple[Part, ...], ...] = ()
    inputs: tuple[tuple[str, Part], ...] = ()
    """Of the use of a block: what it is handed by name."""
    out: Part | None = None
    texts: tuple[str, ...] = ()
    choice: str = ""
    """The name of the choice, of a LayerChoice or Pick."""
    path: str = ""
    """Of a Repeat or Many: what the names of choices inside begin with, before `[0]`."""

    @property
    def items(self) -> tuple[Part, ...]:
        return tuple(part for line in self.lines for part in line)

    @property
    def children(self) -> Iterator[Part]:
        """The parts inside, in the order of the file."""
        for _, part in self.inputs:
            yield part
        for line in self.lines:
            yield from line
        if self.out is not None:
            yield self.out

    def walk(self) -> Iterator[Part]:
        """The part and everything inside it, outermost first."""
        yield self
        for part in self.children:
            yield from part.walk()


@dataclass(frozen=True)
class Section:
    """A stage, or (with an empty name) lines between stages, with its body as a part."""

    name: str
    body: Part


def one(value: Values, element: Element | None = None) -> str:
    """The only value. Raises: VnsError for a list."""
    if isinstance(value, tuple):
        message = f"a list of {len(value)} values comes in where one is expected"
        if element is None:
            raise UserError(message)
        raise error("E0305", message, element.span, help="join it first, with a layer such as `sum` or `concat`")
    return value


def many(value: Values) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)
