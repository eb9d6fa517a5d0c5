"""Shapes and costs line by line, for showing them beside the text."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from vnasdsl.language.source import Span
from vnasdsl.layers.base import Shape
from vnasdsl.space.elements import Group, Wrap
from vnasdsl.space.shapes import Analysis, Cost, Outcomes, either
from vnasdsl.space.space import Space


@dataclass(frozen=True)
class LineFigures:
    """One line or stage: the shapes that can come in, and for each that can come out its cost.

    Nothing comes out of a line with a fault, and nothing comes into those behind it.
    """

    span: Span
    before: tuple[Shape, ...]
    after: Outcomes
    whole: bool = False
    """Whether this is a stage, whose lines have figures of their own."""

    @property
    def cost(self) -> Cost | None:
        """Least and greatest over all that can come out."""
        costs = list(self.after.values())
        if not costs:
            return None
        total = costs[0]
        for cost in costs[1:]:
            total = total | cost
        return total


def line_figures(space: Space) -> list[LineFigures]:
    """The figures of every line of a space or network, in the order of the text; lines of blocks are not among them."""
    shapes: Collection[Shape] = (space.input.shape,)
    found: list[LineFigures] = []
    for segment in space.segments:
        lines = list(_lines(segment.body, shapes, space.analysis))
        after = _through(segment.body, shapes, space.analysis)
        if segment.name:
            found.append(LineFigures(segment.body.span, tuple(shapes), after, whole=True))
        found += lines
        shapes = tuple(after)
    return found


def _lines(group: Group, shapes: Collection[Shape], analysis: Analysis) -> Iterator[LineFigures]:
    for line in group.lines:
        start = tuple(shapes)
        inner: list[LineFigures] = []
        after: Outcomes = {}
        costs: dict[Shape, Outcomes] = {shape: {shape: Cost()} for shape in start}
        for element in line:
            if isinstance(element, Wrap):
                reached = tuple({shape: None for outcomes in costs.values() for shape in outcomes})
                inner += _lines(element.body, reached, analysis)
            costs = {shape: analysis.follow(outcomes, element) for shape, outcomes in costs.items()}
        after = either(pair for outcomes in costs.values() for pair in outcomes.items())
        yield LineFigures(line[0].span.to(line[-1].span), start, after)
        yield from inner
        shapes = tuple(after)


def _through(group: Group, shapes: Collection[Shape], analysis: Analysis) -> Outcomes:
    return either(pair for shape in shapes for pair in analysis.outcomes(group, shape).items())
