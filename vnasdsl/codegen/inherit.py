"""Which tensors of a supernet are those of a network taken out of it."""

from __future__ import annotations

from collections.abc import Mapping

from vnasdsl.codegen.units import tensors
from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import Alternatives, Element, Group, Op, Repeat, Wrap, join, label_text
from vnasdsl.space.plan import PlanStage, PlanState
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.space import Space


def inherited_names(space: Space, choices: Mapping[str, str]) -> dict[str, str]:
    """State-dict names of the network that the choices make, each with the name of the same tensor in the supernet.

    Both are walked in the order of the text, layer by layer; the network has the layers of its path and no other.
    Raises: UserError for choices that do not make a network of the space.
    """
    network = space.choose(choices)
    mine: list[tuple[str, ...]] = []
    shape = network.input.shape
    for segment in network.segments:
        names, shape = tensors(segment.body, shape, segment.name, network.analysis)
        mine += names
    theirs = _supernet_tensors(space, choices)
    if [len(names) for names in mine] != [len(names) for names in theirs]:
        raise AssertionError("the network and its path in the supernet differ")
    return {a: b for left, right in zip(mine, theirs, strict=True) for a, b in zip(left, right, strict=True)}


def _supernet_tensors(space: Space, choices: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The tensors on the path, in the order of the text."""
    found: list[tuple[str, ...]] = []
    source = 0
    for stage in space.plan.stages:
        index, state = next(
            (i, s) for i, s in enumerate(stage.states) if all(choices.get(n) == o for n, o in s.choices)
        )
        found += _state_tensors(stage, state, source, choices, space.analysis)
        source = index
    return found


def _state_tensors(
    stage: PlanStage, state: PlanState, source: int, choices: Mapping[str, str], analysis: Analysis
) -> list[tuple[str, ...]]:
    prefix = f"{stage.name}.{label_text(state.label) or 'only'}"
    walker = _Walker(choices, analysis)
    head = state.heads[source]
    shape = head.input
    found: list[tuple[str, ...]] = []
    for element in head.elements:
        place = f"{prefix}.heads.{label_text(head.source)}"
        if len(head.elements) > 1:
            place = join(place, element.label)
        names, shape = walker.walk(element, shape, place, stage.name)
        found += names
    for piece in state.pieces:
        place = f"{prefix}.layers"
        if piece.place:
            place = f"{place}.{piece.place}"
        for element in piece.elements:
            names, shape = walker.walk(element, shape, join(place, element.label), piece.segment)
            found += names
    return found


class _Walker:
    """Follows the chosen options below elements of a supernet."""

    def __init__(self, choices: Mapping[str, str], analysis: Analysis):
        self.choices = choices
        self.analysis = analysis

    def walk(self, element: Element, shape: Shape, place: str, path: str) -> tuple[list[tuple[str, ...]], Shape]:
        """`place` is where the element's tensors stand, `path` what the names of its choices begin with."""
        here = join(path, element.label)
        match element:
            case Op():
                return tensors(element, shape, place, self.analysis)
            case Group():
                return self._row([(item, join(place, item.label), here) for item in element.items], shape)
            case Wrap():
                return self.walk(element.body, shape, place, here)
            case Repeat():
                items = [(item, f"{place}.{i}", f"{here}[{i}]") for i, item in enumerate(element.items)]
                return self._row(items, shape)
            case Alternatives():
                option = next(o for o in element.options if o.text == self.choices[join(here, element.key)])
                return self.walk(option.element, shape, join(place, label_text(option.text)), here)

    def _row(self, items: list[tuple[Element, str, str]], shape: Shape) -> tuple[list[tuple[str, ...]], Shape]:
        found: list[tuple[str, ...]] = []
        for element, place, path in items:
            names, shape = self.walk(element, shape, place, path)
            found += names
        return found, shape
