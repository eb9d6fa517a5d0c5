"""A network as a graph: one node for each layer, with its shape, costs and the place it comes from.

`NetworkGraph` is a `networkx.DiGraph`, so all of networkx works on it. Its node keys are labels such as
`s4.basic3.conv2`, and `graph.node(key)` gives the `LayerNode`. Next to the flat graph is the tree of regions (`Part`):
the same layers inside their stages, uses of blocks, copies and bodies. Code, text and pictures are made from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from math import prod
from typing import Any, NamedTuple, TypeAlias

import networkx as nx

from vnasdsl.language.diagnostics import UserError, error
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Code, Layer, Shape, Value
from vnasdsl.space.decisions import Decision
from vnasdsl.space.elements import Element, unique

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


class Totals(NamedTuple):
    """Costs of one clip."""

    macs: int
    params: int
    activation_bytes: int


class NetworkGraph(nx.DiGraph):
    """The layers of one network, or of a supernet, with the edges along which tensors flow.

    Node data: `layer`, a LayerNode. Edge data: `positions`, the places among the target's inputs. Nodes that the output
    does not depend on are in the graph, but count for nothing: see `live`.
    """

    def __init__(self, incoming: Any = None, **attributes: Any):
        super().__init__(incoming, **attributes)
        self.sections: tuple[Section, ...] = ()
        self.output = ""
        self.decisions: dict[str, Decision] = {}
        """The choices that were met, by name, in the order of the file."""

    def add(self, node: LayerNode) -> str:
        """Add a layer after its inputs; its key."""
        self.add_node(node.label, layer=node)
        for position, source in enumerate(node.inputs):
            if self.has_edge(source, node.label):
                self.edges[source, node.label]["positions"] += (position,)
            else:
                self.add_edge(source, node.label, positions=(position,))
        if node.enter is not None and not self.has_edge(node.enter, node.label):
            self.add_edge(node.enter, node.label, positions=())
        return node.label

    def free(self, label: str) -> str:
        """The label, with a number where it is taken."""
        return unique(label, self)

    def node(self, key: str) -> LayerNode:
        layer: LayerNode = self._node[key]["layer"]
        return layer

    @property
    def layers(self) -> list[LayerNode]:
        """All nodes in the order of the file, which is a topological order."""
        return [data["layer"] for data in self._node.values()]

    @cached_property
    def live(self) -> frozenset[str]:
        """The nodes that the output depends on, and the output itself."""
        return frozenset(nx.ancestors(self, self.output)) | {self.output}

    @cached_property
    def order(self) -> tuple[LayerNode, ...]:
        """The live nodes, each after those it reads, in the order of the file."""
        return tuple(node for node in self.layers if node.label in self.live)

    @cached_property
    def totals(self) -> Totals:
        """The costs of one clip: the sums over the live nodes."""
        nodes = self.order
        return Totals(
            sum(n.macs for n in nodes), sum(n.params for n in nodes), sum(n.activation_bytes for n in nodes if n.layer)
        )

    @property
    def macs(self) -> int:
        return self.totals.macs

    @property
    def params(self) -> int:
        return self.totals.params

    @property
    def choices(self) -> dict[str, str]:
        """The choices that make this network, in the order of the file."""
        return {name: decision.value for name, decision in self.decisions.items()}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of what is computed from what. Equal networks have equal fingerprints, whatever their layers are
        called; `matching` settles the rest (a layer read twice and two equal layers have the same)."""
        found: dict[str, bytes] = {}
        for node in self.order:
            parts = [repr(node.architecture).encode(), *(found[i] for i in node.inputs)]
            found[node.label] = sha256(b"\0".join(parts)).digest()
        return found[self.output].hex()[:32]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name or 'of one network'}: {len(self.live)} layers, {self.macs:,} MACs>"


def matching(a: NetworkGraph, b: NetworkGraph) -> dict[str, str] | None:
    """For each live node of `a` the node of `b` that does the same; None where they are different networks.

    Both are followed from the output back. Inputs have an order, so there is nothing to try.
    """
    forth, back = {a.output: b.output}, {b.output: a.output}
    pending = [(a.output, b.output)]
    while pending:
        key, other = pending.pop()
        one, two = a.node(key), b.node(other)
        if one.architecture != two.architecture or len(one.inputs) != len(two.inputs):
            return None
        if (one.enter is None) != (two.enter is None):
            return None
        pairs = list(zip(one.inputs, two.inputs, strict=True))
        if one.enter is not None and two.enter is not None:
            pairs.append((one.enter, two.enter))
        for mine, theirs in pairs:
            if mine not in forth and theirs not in back:
                forth[mine], back[theirs] = theirs, mine
                pending.append((mine, theirs))
            elif forth.get(mine) != theirs or back.get(theirs) != mine:
                return None
    return forth


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
