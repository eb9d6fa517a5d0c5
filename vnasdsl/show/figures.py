"""Shapes and costs line by line, shown beside the source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from vnasdsl.elaborate.inputs import shapes_of
from vnasdsl.elaborate.space import Space
from vnasdsl.language.source import Span
from vnasdsl.layers.base import LayerError, Shape
from vnasdsl.space.elements import BodyLayer, Group
from vnasdsl.space.evaluate import States
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.states import State, TensorList, flows_of, spliced
from vnasdsl.space.ways import NOTHING, Cost, Ways, either, gather


@dataclass(frozen=True)
class LineFigures:
    """One line or stage: the shapes that can come in, and for each that can come out its cost.

    A line with an error has no output, and the lines after it have no input.
    """

    span: Span
    before: tuple[Shape, ...]
    after: dict[Shape, Cost]
    whole: bool = False
    """Whether this is a stage, whose lines have figures of their own."""
    values: tuple[int, ...] = (1,)
    """How many values come out: one, but for a list."""
    ways: Ways = NOTHING
    """The ways to make it, after the first shape that can come in."""

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
    """The figures of every line and stage of a space or network, in the order of the file, without the lines of blocks.

    A line that is a list counts with each of its values as a shape of its own.
    """
    sections = section_figures(space)
    return [figures for whole, lines in sections for figures in ((whole, *lines) if whole.whole else lines)]


def section_figures(space: Space) -> Iterator[tuple[LineFigures, Iterator[LineFigures]]]:
    """The figures of each stage, and of the lines between stages, with those of its lines."""
    analysis = space.analysis
    first = gather(pair for given in space.inputs.ways() for pair in analysis.start(shapes_of(given)).items())
    reached = analysis.through(space.segments, first)
    for segment, before, after in zip(space.segments, reached, reached[1:], strict=False):
        own = analysis.step(_free(before), segment.body)
        one = analysis.step(_free(list(before)[:1]), segment.body)
        held = frozenset(name for _, env in after for name, _ in env)  # the lines that are still read after it
        whole = _figures(segment.body.span, before, own, one, analysis, bool(segment.name))
        yield whole, _lines(segment.body, before, analysis, held)


def _figures(
    span: Span, before: States, after: States, one: States, analysis: Analysis, whole: bool = False
) -> LineFigures:
    outcomes = _outcomes(analysis, after)
    ways = either(one.values()) if one else NOTHING
    return LineFigures(span, _shapes(before), outcomes, whole, _values(after), ways)


def _lines(group: Group, states: States, analysis: Analysis, keep: frozenset[str]) -> Iterator[LineFigures]:
    """The lines of a body, from the states before it: each costs by itself."""
    for i, line in enumerate(group.lines):
        own = analysis.line(_free(states), line)
        span = line[0].span.to(line[-1].span)
        one = analysis.line(_free(list(states)[:1]), line)
        yield _figures(span, states, own, one, analysis)
        before = _free(states)
        for element in line:
            if isinstance(element, BodyLayer):
                yield from _lines(element.body, _entered(element, before, analysis), analysis, frozenset())
            before = analysis.step(before, element)
        states = analysis.lines(group, states, keep, only=(i,))


def _free(states: Iterable[State]) -> States:
    """The same states, from which costs begin anew."""
    return dict.fromkeys(states, NOTHING)


def _entered(wrap: BodyLayer, states: States, analysis: Analysis) -> States:
    """What the body of a layer is given."""
    found: States = {}
    for flow, env in states:
        for each in flows_of(flow):
            if not isinstance(each, TensorList):
                with suppress(LayerError):
                    found[analysis.rules.enter(wrap, each)[0], env] = NOTHING
    return found


def _shapes(states: Iterable[State]) -> tuple[Shape, ...]:
    return tuple(dict.fromkeys(s for flow, _ in states for each in flows_of(flow) for s in spliced(each)))


def _values(states: Iterable[State]) -> tuple[int, ...]:
    return tuple(sorted({len(spliced(each)) for flow, _ in states for each in flows_of(flow)}))


def _outcomes(analysis: Analysis, states: States) -> dict[Shape, Cost]:
    ways = gather(
        (shape, ways) for (flow, _), ways in states.items() for each in flows_of(flow) for shape in spliced(each)
    )
    return {shape: analysis.costs.of(each) for shape, each in ways.items()}
