"""Lines of a space or network whose result goes nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vnasdsl.language.diagnostics import Diagnostic, Label
from vnasdsl.space.elements import Element, Group, Join, LayerChoice, Many, NameRef, Pick, Segment, When
from vnasdsl.space.wires import all_reads


def unread(segments: Sequence[Segment]) -> list[Diagnostic]:
    """A warning for every line that the next one does not go on from, and that none reads by its name."""
    lines = list(_lines(segments))
    found = []
    for i, (name, line, whole) in enumerate(lines[:-1]):
        if begins_anew(lines[i + 1][1]) and not any(
            name and name in all_reads(later) for _, later, _ in lines[i + 1 :]
        ):
            what = f"`{name}`" if name else "this line"
            place = Label(line[0].span.to(line[-1].span) if whole is None else whole.body.span.first(1))
            help = "read it by its name, or remove it: its layers would be trained for nothing"
            found.append(Diagnostic("W0209", f"nothing reads {what}", place, "warning", help=help))
    return found


def _lines(segments: Sequence[Segment]) -> Iterator[tuple[str, tuple[Element, ...], Segment | None]]:
    """Lines outside of stages with their names; a stage is one."""
    for segment in segments:
        if segment.name:
            yield "", segment.body.items, segment
        else:
            for i, line in enumerate(segment.body.lines):
                yield segment.body.name_of(i), line, None


def begins_anew(line: Sequence[Element]) -> bool:
    """Whether a line reads what it begins with, and nothing of the line before."""
    return bool(line) and _anew(line[0])


def _anew(element: Element) -> bool:
    match element:
        case NameRef():
            return True
        case Group() if element.block is not None:
            first = element.lines[0] if element.lines else ()
            return bool(element.inputs) and begins_anew(first) and (element.out is None or _anew(element.out))
        case Group():
            return begins_anew(element.items)
        case Join():
            return all(_anew(item) for item in element.inputs)
        case Many():
            return bool(element.items) and all(_anew(item) for item in element.items)
        case LayerChoice() | Pick():
            return all(_anew(option.element) for option in element.options)
        case When():
            return _anew(element.then) and _anew(element.otherwise)
    return False
