"""Proof that a network lies in a space: the choices of the space that make it.

Where layers only follow one another, the network is read from its first line on; a graph is read from its output back.
"""

from __future__ import annotations

from vnasdsl.language import tree
from vnasdsl.layers.base import Shape
from vnasdsl.network.member_graph import prove_graph
from vnasdsl.network.member_row import prove_row
from vnasdsl.space.elements import BodyLayer, Element, FromShape, Group, LayerCall, LayerChoice, Repeat, Segment
from vnasdsl.space.shapes import Analysis


def prove(
    network: tuple[Segment, ...],
    space: tuple[Segment, ...],
    shape: Shape,
    net_analysis: Analysis,
    space_analysis: Analysis,
    claim: tree.Name,
    net_name: str,
) -> dict[str, str]:
    """The choices of the space that make the network. Raises: VnsError E0601 at the first line that leaves it."""
    if is_row(network) and is_row(space):
        return prove_row(network, space, shape, net_analysis, space_analysis, claim, net_name)
    return prove_graph(network, space, shape, space_analysis.classes, claim, net_name)


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
