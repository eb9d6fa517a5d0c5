"""The layers of a network or of a whole space as a graph: shapes, MACs, parameters and activation bytes of each.

A network is a graph of its layers. A space is the graph of its supernet: a branch for every candidate, joined where
branches are summed. Labels are the names that the weights have in generated code.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from vnasdsl.layers.base import Shape, Value
from vnasdsl.space.elements import Alternatives, Element, Group, Op, Repeat, Wrap, join, label_text
from vnasdsl.space.plan import PlanStage, PlanState
from vnasdsl.space.shapes import Analysis

if TYPE_CHECKING:
    import networkx

    from vnasdsl.space.space import Space


@dataclass(frozen=True)
class LayerRow:
    """One layer. Shapes leave the batch out; bytes are those of the output of one clip in 32-bit floats."""

    label: str
    operation: str
    input_shape: Shape
    output_shape: Shape
    macs: int
    params: int
    activation_bytes: int
    attributes: tuple[tuple[str, Value], ...] = ()


JOINS = ("add", "mix", "sum")
"""Operations of rows that are no layer of the text: a residual's addition, a mixture, branches into a state."""


class GraphBuilder:
    """Collects rows and the edges between them."""

    def __init__(self, analysis: Analysis):
        self.analysis = analysis
        self.rows: dict[str, LayerRow] = {}
        self.edges: list[tuple[str, str]] = []

    def add(self, label: str, operation: str, before: list[str], shapes: tuple[Shape, Shape], **more: Any) -> str:
        name, count = label, 1
        while name in self.rows:
            count += 1
            name = f"{label}{count}"
        size = 4 * prod(shapes[1])
        self.rows[name] = LayerRow(
            name, operation, *shapes, more.get("macs", 0), more.get("params", 0), size, more.get("attributes", ())
        )
        self.edges += [(source, name) for source in before]
        return name

    def walk(self, element: Element, shape: Shape, place: str, before: str) -> tuple[str, Shape]:
        """Add what is below an element that stands at `place` (its own label included); the last row and shape."""
        match element:
            case Op():
                applied = self.analysis.apply(element, shape)
                name = self.add(
                    place,
                    element.layer.name,
                    [before],
                    (shape, applied.output),
                    macs=applied.macs,
                    params=applied.params,
                    attributes=applied.attributes,
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
            case Wrap():
                inner, _ = self.walk(element.body, shape, place, before)
                return self.add(join(place, "add"), "add", [inner, before], (shape, shape)), shape
            case Alternatives():
                ends = []
                after = shape
                for option in element.options:
                    end, after = self.walk(option.element, shape, join(place, label_text(option.text)), before)
                    ends.append(end)
                return self.add(join(place, "mix"), "mix", ends, (after, after)), after

    def network(self, space: Space) -> None:
        before = self.add(space.input.name, "input", [], (space.input.shape, space.input.shape))
        shape = space.input.shape
        for segment in space.segments:
            before, shape = self.walk(segment.body, shape, segment.name, before)

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


def build_graph(space: Space) -> GraphBuilder:
    """Raises: VnsError when a shape does not fit, or a choice of a space changes it where it may not."""
    _ = space.cost
    builder = GraphBuilder(space.analysis)
    if space.kind == "network":
        builder.network(space)
    else:
        builder.supernet(space)
    return builder


def layer_rows(space: Space) -> tuple[LayerRow, ...]:
    """The layers, in the order of the text; joins and the input are not among them."""
    return tuple(r for r in build_graph(space).rows.values() if r.operation not in (*JOINS, "input"))


def graph(space: Space) -> networkx.DiGraph:
    """A networkx view: a node for every layer and join with the fields of its row, edges along which tensors flow, with
    the `shape` of the tensor."""
    import networkx

    built = build_graph(space)
    view = networkx.DiGraph(name=space.name, kind=space.kind)
    for row in built.rows.values():
        view.add_node(row.label, **asdict(row))
    for source, target in built.edges:
        view.add_edge(source, target, shape=built.rows[source].output_shape)
    return view
