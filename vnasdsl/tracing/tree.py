"""From a graph of operations to chains and branches, as text is written: residuals, joins of chains, named lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import networkx as nx

from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import REQUIRED, LayerError, Shape, Value, show_value
from vnasdsl.layers.residual import RESIDUAL

# --------------------------------------------------------------------------- operations

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


# ------------------------------------------------------------------ chains and branches

ROOT = object()
"""Above the clip and all values with names."""


@dataclass(eq=False)
class Item:
    """One step of a chain: a layer, a join of chains, a residual around a chain, or the use of a block."""

    operation: Operation
    """Its own; of a block the last inside."""
    branches: list[Chain] = field(default_factory=list)
    """Of a join its inputs; of a layer around a body that body; of a block its lines."""
    shortcut: tuple[Operation, ...] = ()
    """The projection of a residual."""
    kind: str = "layer"
    """`layer`, `join`, `residual`, `around` (another layer with a body) or `block`."""
    block: str = ""
    """The class that a block is an object of; then the name of the block."""
    values: dict[str, object] = field(default_factory=dict)
    """Of a block, its arguments."""

    @property
    def operations(self) -> Iterator[Operation]:
        """In the order of the text: what is inside, then its own."""
        for chain in self.branches:
            for item in chain.items:
                yield from item.operations
        if self.kind != "block":
            yield from self.shortcut
            yield self.operation


@dataclass(eq=False)
class Chain:
    """Items one after the other; `start` is the value that it begins with by name, None for what comes in."""

    items: list[Item]
    start: Operation | None = None


@dataclass(eq=False)
class Lines:
    """A network: the values that have names, each with the chain that makes it, and the chain to the output."""

    named: list[tuple[Operation, Chain]]
    last: Chain

    @property
    def chains(self) -> list[Chain]:
        return [*(chain for _, chain in self.named), self.last]


def decompose(output: Operation) -> Lines:
    """Every operation once: values that several chains need get a name, as few as suffice."""
    order = list(ordered(output))
    users = Counter(given for each in order for given in set(each.inputs))
    named: list[Operation] = []
    while True:
        split = _Splitter(order, set(named))
        lines = Lines([(v, split.chain(v, own=True)) for v in order if v in named], split.chain(output, own=True))
        seen = Counter(o for chain in lines.chains for item in chain.items for o in item.operations)
        twice = [o for o in order if seen[o] > 1 and users[o] > 1 and o not in named]
        if not twice:
            return lines
        named.append(twice[-1])


class _Splitter:
    """Splits a graph in which some values have names: these are sources, like the clip."""

    def __init__(self, order: list[Operation], named: set[Operation]):
        self.clips = {each for each in order if not each.inputs}
        self.named = named
        graph = nx.DiGraph((given, self.made(each)) for each in order for given in each.inputs)
        graph.add_edges_from((ROOT, source) for source in (*self.clips, *named))
        self.above = nx.immediate_dominators(graph, ROOT)
        self.depth = {each: i for i, each in enumerate(order)}

    def made(self, operation: Operation) -> object:
        """What stands for the making of a value: of one with a name, another node than its use."""
        return ("made", operation) if operation in self.named else operation

    def chain(self, end: Operation, start: object = None, own: bool = False) -> Chain:
        """What makes a value, from `start`, else from the last value before it that has a name. own: its own line."""
        items: list[Item] = []
        now = end
        while now is not start and now not in self.clips and (now not in self.named or (own and now is end)):
            if len(now.inputs) == 1:
                items.append(Item(now) if now.body is None else Item(now, [_body(now.body)], kind="around"))
                now = now.inputs[0]
                continue
            top = self.above[self.made(now)]
            if top is not ROOT:
                items.append(_joined(now, [self.chain(given, top) for given in now.inputs]))
                now = top
                continue
            main = max(now.inputs, key=self.depth.__getitem__)
            if main in self.named or main in self.clips:
                items.append(_joined(now, [self.chain(given, ROOT) for given in now.inputs]))
                return Chain(items[::-1], None)
            others = [Chain([]) if given is main else self.chain(given, ROOT) for given in now.inputs]
            items.append(Item(now, others, kind="join"))
            now = main
        return Chain(items[::-1], None if now is start else now)


def _body(end: Operation) -> Chain:
    """The body of a layer, from the operation that begins it."""
    lines = decompose(end)
    if lines.named:
        raise UserError(
            "a part of the positions after a class token is needed in several places", "please report this module"
        )
    return Chain(lines.last.items, None)


def _joined(join: Operation, branches: list[Chain]) -> Item:
    """A sum with its own input, or with a projection of it, is a residual."""
    if join.layer == "sum" and len(branches) == 2 and all(branch.start is None for branch in branches):
        by_length = sorted(branches, key=lambda branch: len(branch.items))
        short, body = by_length
        if body.items and not short.items:
            return Item(join, [body], kind="residual")
        if body.items and _is_projection(short, body):
            return Item(join, [body], tuple(item.operation for item in short.items), "residual")
    return Item(join, branches, kind="join")


def _is_projection(short: Chain, body: Chain) -> bool:
    """Whether a branch is what `residual(project=auto)` or `always` adds."""
    if [item.operation.layer for item in short.items] != ["conv", "bn"] or len(body.items) < 2:
        return False
    conv, norm = (item.operation for item in short.items)
    extra = {key: value for key, value in conv.arguments.items() if key not in ("channels", "stride", "padding")}
    if extra != {"kernel": (1, 1, 1)} or norm.arguments:
        return False
    before, after = conv.inputs[0].shape, norm.shape
    try:
        assert RESIDUAL.body is not None
        applied = RESIDUAL.body.leave({"project": "always"}, before, after, 0)
    except LayerError:
        return False
    return dict(applied.attributes).get("stride") == conv.arguments.get("stride", (1, 1, 1))
