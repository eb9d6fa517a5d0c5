"""A space or network row by row: a row a stage, and one for every line outside of stages that is worth one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vnasdsl.elaborate.space import Space
from vnasdsl.layers.base import Shape
from vnasdsl.show.figures import free, names_held, segment_states
from vnasdsl.space.costs import Cost
from vnasdsl.space.elements import Choice, Element, Group, NameRef, Segment, When, inside
from vnasdsl.space.evaluate import States
from vnasdsl.space.flow import Flow, spliced
from vnasdsl.space.parts import choices
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.states import flows_of

MOST_LINES = 60
"""Lines of one body that get rows of their own when they have no name."""


@dataclass(frozen=True)
class Row:
    """A stage, or a line or several outside of stages."""

    name: str
    shapes: tuple[Shape, ...]
    """What can come out; empty where it is not known."""
    values: tuple[int, ...]
    """How many values come out: one, but for a list."""
    choices: tuple[Choice, ...]
    """Those that are met here first: the choices of a tied block stand at its first use."""
    cost: Cost | None
    """Of this row alone; None where it is not worked out."""


def rows(space: Space) -> list[Row]:
    """Lines outside of stages have a row each where they have a name or where there are no stages at all."""
    analysis = space.analysis
    staged = any(segment.name for segment in space.segments)
    seen: set[str] = set()
    found: list[Row] = []
    for segment, before, after in segment_states(space):
        if segment.name:
            states = analysis.step(free(before), segment.body)
            found.append(_row(segment.name, (segment.body,), "", states, analysis, seen))
        else:
            found += _lines(segment, before, analysis, names_held(after), seen, staged)
    return found


def _lines(
    segment: Segment, states: States, analysis: Analysis, keep: frozenset[str], seen: set[str], staged: bool
) -> Iterable[Row]:
    """Rows of the lines of a body outside of stages; neighbours without a name are one row where there are stages."""
    body = segment.body
    path = inside(body, "")
    together = staged or len(body.lines) > MOST_LINES
    own = free(states)
    waiting: list[Element] = []
    for i, line in enumerate(body.lines):
        name = body.name_of(i)
        if waiting and name:
            yield _row("-", waiting, path, own, analysis, seen)
            waiting = []
        if not waiting:
            own = free(states)
        own = analysis.line(own, line)
        waiting += line
        if name or i == len(body.lines) - 1 or not together:
            title = name or ("-" if together else label_of(body, i))
            yield _row(title, waiting, path, own, analysis, seen)
            waiting = []
        states = analysis.lines(body, states, keep, only=(i,))


def label_of(body: Group, line: int) -> str:
    """What a line without a name is called: by what stands first and last in it."""
    labels = [label for label in map(_label, body.lines[line]) if label]
    if len(labels) < 2:
        return "".join(labels) or "-"
    return f"{labels[0]} {'->' if len(labels) == 2 else '..'} {labels[-1]}"


def _label(element: Element) -> str:
    if isinstance(element, NameRef):
        return element.wire
    return _label(element.then) if isinstance(element, When) else element.label


def _row(name: str, elements: Iterable[Element], path: str, states: States, analysis: Analysis, seen: set[str]) -> Row:
    made: list[Choice] = []
    for element in elements:
        for choice in choices(element, path):
            if choice.name not in seen:
                seen.add(choice.name)
                made.append(choice)
    total = analysis.costs.over(states.values()) if states else None
    flows: list[Flow] = [flow for held, _ in states for flow in flows_of(held)]
    shapes = tuple(sorted({shape for flow in flows for shape in spliced(flow)}))
    return Row(name, shapes, tuple(sorted({len(spliced(flow)) for flow in flows})), tuple(made), total)
