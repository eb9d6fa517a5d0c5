"""The layers of a network or of a whole space as a graph: shapes, MACs, parameters and activation bytes of each.

A network is a graph of its layers. A space whose layers follow one another is the graph of its supernet: a branch for
every candidate, joined where branches are summed. Any other space is the graph of all its candidates: every edge that
could be picked, what is not known before choices are made (shapes, the costs of an open call) left out. Labels are the
names that the weights have in generated code.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers.base import Shape, Value
from vnasdsl.network.trace import Node, Tracer
from vnasdsl.relax.plan import PlanStage, PlanState
from vnasdsl.space.elements import (
    BodyLayer,
    Element,
    FromShape,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Repeat,
    Segment,
    children,
    join,
    label_text,
)
from vnasdsl.space.shapes import Analysis

if TYPE_CHECKING:
    import networkx

    from vnasdsl.elaborate.space import Space


MOST_CANDIDATES = 20_000
"""Layers of a space, those of all its candidates, that make a graph."""


@dataclass(frozen=True)
class LayerRow:
    """One layer. Shapes leave the batch out and are empty where they are not known; bytes are those of the output of
    one clip in 32-bit floats."""

    label: str
    operation: str
    input_shape: Shape
    output_shape: Shape
    macs: int
    params: int
    activation_bytes: int
    attributes: tuple[tuple[str, Value], ...] = ()


class GraphBuilder:
    """Collects rows and the edges between them."""

    def __init__(self, analysis: Analysis):
        self.analysis = analysis
        self.rows: dict[str, LayerRow] = {}
        self.edges: list[tuple[str, str]] = []
        self.added: set[str] = set()
        """Rows that are no layer of the text: the input, a residual's addition, a mixture, branches into a state."""

    def add(self, label: str, operation: str, before: list[str], shapes: tuple[Shape, Shape], **more: Any) -> str:
        name, count = label, 1
        while name in self.rows:
            count += 1
            name = f"{label}{count}"
        size = 4 * prod(shapes[1]) if shapes[1] else 0
        if not more.get("layer"):
            self.added.add(name)
        self.rows[name] = LayerRow(
            name, operation, *shapes, more.get("macs", 0), more.get("params", 0), size, more.get("attributes", ())
        )
        self.edges += [(source, name) for source in before]
        return name

    def walk(self, element: Element, shape: Shape, place: str, before: str) -> tuple[str, Shape]:
        """Add what is below an element that stands at `place` (its own label included); the last row and shape."""
        match element:
            case LayerCall():
                applied = self.analysis.apply(element, shape)
                name = self.add(
                    place,
                    element.layer.name,
                    [before],
                    (shape, applied.output),
                    macs=applied.macs,
                    params=applied.params,
                    attributes=applied.attributes,
                    layer=True,
                )
                return name, applied.output
            case Group():
                for item in element.items:
                    before, shape = self.walk(item, shape, join(place, item.label), before)
                return before, shape
            case Repeat():
                for i, item in enumerate(element.items):
                    before, shape = self.walk(item, shape, f"{place}.{i}", before)
                return before, shape
            case BodyLayer():
                inner, _ = self.walk(element.body, shape, place, before)
                return self.add(join(place, "add"), "add", [inner, before], (shape, shape)), shape
            case LayerChoice():
                ends = []
                after = shape
                for option in element.options:
                    end, after = self.walk(option.element, shape, join(place, label_text(option.text)), before)
                    ends.append(end)
                return self.add(join(place, "mix"), "mix", ends, (after, after)), after
        raise AssertionError("no row of layers")

    def followed(self, space: Space, every: bool) -> None:
        """A network, or with `every` a space with all its candidates. Raises: UserError for too many of them."""
        if every and (count := candidates(space)) > MOST_CANDIDATES:
            raise UserError(
                f"`{space.name}` has {count:,} layers with all its candidates, more than {MOST_CANDIDATES:,}",
                "look at one of its networks, or at a smaller space",
            )
        tracer = Tracer(space.input.classes, every=every)
        tracer.segments(space.segments, space.input.name, space.input.shape, space.syntax.span)
        names: list[str] = []
        for node in tracer.nodes:
            shapes = (node.entering or (), node.shape or ())
            more = {"macs": node.macs, "params": node.params, "attributes": shown(node), "layer": is_layer(node)}
            names.append(self.add(node.label, node.operation, [names[i] for i in node.inputs], shapes, **more))

    def supernet(self, space: Space) -> None:
        shape = space.input.shape
        sources = [self.add(space.input.name, "input", [], (shape, shape))]
        for stage in space.plan.stages:
            sources = [self.state(stage, state, sources) for state in stage.states]
        last = space.plan.output
        self.add("logits", "sum", sources, (last, last))

    def state(self, stage: PlanStage, state: PlanState, sources: list[str]) -> str:
        prefix = f"{stage.name}.{label_text(state.label) or 'only'}"
        ends = []
        for source, head in zip(sources, state.heads, strict=True):
            place = f"{prefix}.heads.{label_text(head.source)}"
            end, shape = source, head.input
            for element in head.elements:
                where = place if len(head.elements) == 1 else join(place, element.label)
                end, shape = self.walk(element, shape, where, end)
            ends.append(end)
        end = self.add(f"{prefix}.sum", "sum", ends, (state.head_shape, state.head_shape))
        shape = state.head_shape
        for piece in state.pieces:
            place = f"{prefix}.layers"
            if piece.place:
                place = f"{place}.{piece.place}"
            for element in piece.elements:
                end, shape = self.walk(element, shape, join(place, element.label), end)
        return end


def candidates(space: Space) -> int:
    """The number of layers of a space with all candidates of its choices."""
    known: dict[int, int] = {}

    def count(element: Element) -> int:
        if id(element) not in known:
            own = isinstance(element, (LayerCall, Join))
            known[id(element)] = own + sum(count(child) for child, _ in children(element, ""))
        return known[id(element)]

    return sum(count(segment.body) for segment in space.segments)


def is_layer(node: Node) -> bool:
    """Whether a node is a layer of the text; the addition of a residual is one where it has weights."""
    return node.layer is not None and (node.operation != "add" or node.params > 0)


def shown(node: Node) -> tuple[tuple[str, Value], ...]:
    """The attributes of a row; a residual's addition has its arguments in the text of the layer around it."""
    return () if node.operation == "add" else node.attributes


def build_graph(space: Space) -> GraphBuilder:
    """Raises: VnsError when a shape does not fit, or a choice of a space of rows changes it where it may not."""
    _ = space.cost
    builder = GraphBuilder(space.analysis)
    if space.kind == "network":
        builder.followed(space, every=False)
    elif is_row(space.segments):
        builder.supernet(space)
    else:
        builder.followed(space, every=True)
    return builder


def layer_rows(space: Space) -> tuple[LayerRow, ...]:
    """The layers, in the order of the text; what only brings branches together and the input are not among them."""
    built = build_graph(space)
    return tuple(row for name, row in built.rows.items() if name not in built.added)


def graph(space: Space) -> networkx.DiGraph:
    """A networkx view: a node for every layer and join with the fields of its row, edges along which tensors flow, with
    the `shape` of the tensor. Two edges from one node to the same other one are one with `count` 2."""
    import networkx

    built = build_graph(space)
    view = networkx.DiGraph(name=space.name, kind=space.kind)
    for row in built.rows.values():
        view.add_node(row.label, **asdict(row))
    for source, target in built.edges:
        count = view.edges[source, target]["count"] + 1 if view.has_edge(source, target) else 1
        view.add_edge(source, target, shape=built.rows[source].output_shape, count=count)
    return view


def is_row(segments: tuple[Segment, ...]) -> bool:
    """Whether layers only follow one another: nothing is read by name, joined or left to the shape."""
    seen: set[int] = set()
    todo: list[Element] = [segment.body for segment in segments]
    while todo:
        element = todo.pop()
        if id(element) in seen:
            continue
        seen.add(id(element))
        match element:
            case LayerCall():
                if any(isinstance(value, FromShape) for _, value in element.arguments):
                    return False
            case Group():
                if element.inputs or element.tied or element.out is not None:
                    return False
                todo += element.items
            case Repeat():
                todo += element.items
            case BodyLayer():
                if element.layer.name != "residual":
                    return False
                todo.append(element.body)
            case LayerChoice():
                todo += [option.element for option in element.options]
            case _:
                return False
    return True
