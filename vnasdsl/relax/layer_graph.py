"""The layers of a network, or of a space with all its candidates, as one graph.

A space whose layers follow one another has the graph of its supernet: a branch for every candidate, joined where
branches are summed, labels as the weights of generated code are called. Any other space has every edge that could be
picked; what is not known before choices are made (shapes, the costs of an open call) is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers.base import Shape
from vnasdsl.network.lower import At, Lowerer
from vnasdsl.network.nodes import LayerNode, one
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
    join,
    label_text,
)
from vnasdsl.space.parts import children

if TYPE_CHECKING:
    from vnasdsl.elaborate.space import Space
    from vnasdsl.network.graph import NetworkGraph


MOST_CANDIDATES = 20_000
"""Layers of a space, those of all its candidates, that make a graph."""


def layer_graph(space: Space) -> NetworkGraph:
    """Raises: VnsError when a shape does not fit, or a choice of a space of rows changes it where it may not; UserError
    for a space with too many candidates."""
    _ = space.cost
    if space.kind == "network":
        return space.graph
    if not space.inputs.choices and is_row(space.segments):
        return _Supernet(space).graph
    if (count := candidates(space)) > MOST_CANDIDATES:
        raise UserError(
            f"`{space.name}` has {count:,} layers with all its candidates, more than {MOST_CANDIDATES:,}",
            "look at one of its networks, or at a smaller space",
        )
    return space.candidates


class _Supernet:
    """The graph of a supernet."""

    def __init__(self, space: Space):
        self.lowerer = Lowerer(space.rules)
        self.graph = self.lowerer.graph
        self.graph.graph["name"] = space.name
        shape = space.input.shape
        sources = [self.graph.add(LayerNode(space.input.name, "input", (), shape, shape))]
        for stage in space.plan.stages:
            sources = [self.state(stage, state, sources) for state in stage.states]
        self.graph.output = self.sum("logits", sources, space.plan.output)

    def sum(self, label: str, inputs: list[str], shape: Shape) -> str:
        """Where branches come together, which is no layer of the file."""
        return self.graph.add(LayerNode(self.graph.free(label), "sum", tuple(inputs), shape, shape))

    def state(self, stage: PlanStage, state: PlanState, sources: list[str]) -> str:
        prefix = f"{stage.name}.{label_text(state.label) or 'only'}"
        ends = []
        for source, head in zip(sources, state.heads, strict=True):
            place = f"{prefix}.heads.{label_text(head.source)}"
            end = source
            for element in head.elements:
                end = self.walk(element, end, place if len(head.elements) == 1 else join(place, element.label))
            ends.append(end)
        end = self.sum(f"{prefix}.sum", ends, state.head_shape)
        for piece in state.pieces:
            place = join(f"{prefix}.layers", piece.place)
            for element in piece.elements:
                end = self.walk(element, end, join(place, element.label))
        return end

    def walk(self, element: Element, before: str, place: str) -> str:
        return one(self.lowerer.walk(element, before, At(place, place, ""), {}).value)


def candidates(space: Space) -> int:
    """The number of layers of a space with all candidates of its choices."""
    known: dict[int, int] = {}

    def count(element: Element) -> int:
        if id(element) not in known:
            own = isinstance(element, (LayerCall, Join))
            known[id(element)] = own + sum(count(child) for child, _ in children(element, ""))
        return known[id(element)]

    return sum(count(segment.body) for segment in space.segments)


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
