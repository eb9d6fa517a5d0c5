"""A space or network row by row: a row a stage, and one for every line outside of stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vnasdsl.elaborate.space import Space
from vnasdsl.show.figures import LineFigures, section_figures
from vnasdsl.space.elements import Choice, Element, Group, NameRef, When, inside
from vnasdsl.space.parts import choices


@dataclass(frozen=True)
class Row:
    """A stage, or a line outside of stages."""

    name: str
    figures: LineFigures
    choices: tuple[Choice, ...]
    """Those that are met here first: the choices of a tied block stand at its first use."""


def rows(space: Space) -> Iterator[Row]:
    """Lines outside of stages without a name are called `-`, or where there are no stages at all by their layers."""
    seen: set[str] = set()
    staged = any(segment.name for segment in space.segments)
    for segment, (whole, lines) in zip(space.segments, section_figures(space), strict=True):
        body = segment.body
        if segment.name:
            yield Row(segment.name, whole, tuple(_new_choices((body,), "", seen)))
            continue
        figures = {(line.span.start, line.span.end): line for line in lines}
        for i, line in enumerate(body.lines):
            own = figures[line[0].span.start, line[-1].span.end]
            made = tuple(_new_choices(line, inside(body, ""), seen))
            yield Row(body.name_of(i) or ("-" if staged else label_of(body, i)), own, made)


def _new_choices(elements: Iterable[Element], path: str, seen: set[str]) -> Iterator[Choice]:
    for element in elements:
        for choice in choices(element, path):
            if choice.name not in seen:
                seen.add(choice.name)
                yield choice


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
