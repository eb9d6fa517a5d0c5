"""The lines of one side, ready to be compared: text, meaning, shapes and costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

from vnasdsl.elaborate.space import Space
from vnasdsl.language import tree
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Shape
from vnasdsl.network.graph import Part, many
from vnasdsl.show.diff.meaning import Meaning, Meanings
from vnasdsl.show.diff.model import LineSide, Size, StageSide
from vnasdsl.show.figures import LineFigures, section_figures
from vnasdsl.space.costs import Cost
from vnasdsl.space.counting import CannotCountError, Counts
from vnasdsl.space.elements import BodyLayer, Element, Group, NameRef, Repeat, join


class Figures(NamedTuple):
    """Shapes, number of networks and costs of a line or stage."""

    inputs: tuple[Shape, ...] = ()
    outputs: tuple[Shape, ...] = ()
    size: Size = 1
    cost: Cost | None = None


@dataclass(frozen=True, eq=False)
class Row:
    """One line."""

    side: LineSide
    name: str | None
    """The name that the file gives the line."""
    value: tree.Expression
    meaning: Meaning
    maker: RowMaker
    items: tuple[Element, ...] = ()
    """What the line means; nothing for a line of a block, which is compared as it is written."""
    parts: tuple[Part, ...] | None = None
    """Of a network: the line in its graph."""

    def body_rows(self) -> tuple[Row, ...]:
        """The lines in the braces of a layer such as `residual { ... }`, if the line is one; else nothing."""
        if not isinstance(self.value, tree.Call) or self.value.body is None:
            return ()
        wrap = self.items[0] if self.items else None
        if not isinstance(wrap, BodyLayer):
            return self.maker.source_rows(self.value.body)
        lines = self.parts[0].items[0].lines if self.parts else None
        return self.maker.rows(wrap.body, self.value.body, self.side.label, lines)

    def same(self, other: Row) -> bool:
        """Nothing changed in the line. In networks `same` equals the number of channels that come in."""
        if self.name != other.name:
            return False
        return self.meaning == other.meaning or same_layers([self], [other])

    @cached_property
    def architecture(self) -> tuple[object, ...] | None:
        """Of a network: its layers with every argument filled in, and the lines they read."""
        if self.parts is None:
            return None
        found: list[object] = []
        for part in (inner for each in self.parts for inner in each.walk()):
            if isinstance(part.element, NameRef):
                found.append((part.element.wire, part.element.index))
            if part.node is not None:
                found.append(self.maker.space.graph.node(part.node).architecture)
        return tuple(found)


def same_layers(left: Sequence[Row], right: Sequence[Row]) -> bool:
    """Whether lines of two networks compute the same from the same number of channels."""
    if left and right and _channels(left[0]) != _channels(right[0]):
        return False
    both = [[row.architecture for row in rows] for rows in (left, right)]
    if None in both[0] or None in both[1]:
        return False
    return [n for found in both[0] for n in found or ()] == [n for found in both[1] for n in found or ()]


def _channels(row: Row) -> tuple[int, ...]:
    return tuple(shape[0] for shape in row.side.inputs)


@dataclass(frozen=True, eq=False)
class StageRows:
    """A stage, or with an empty name the lines outside stages at one place."""

    key: str
    """The name, or the place of lines outside stages: after which stage, or at the end."""
    side: StageSide
    rows: tuple[Row, ...]

    @property
    def meaning(self) -> tuple[Meaning, ...]:
        return tuple(row.meaning for row in self.rows)


class RowMaker:
    """Makes the rows of a space. Figures of a network come from its graph, those of a space from the walk over all its
    networks."""

    def __init__(self, space: Space, meanings: Meanings):
        self.space = space
        self.meanings = meanings
        self._counts = Counts()
        self._figures: dict[tuple[int, int], LineFigures] = {}

    def stages(self) -> tuple[StageRows, ...]:
        found: list[StageRows] = []
        segments = self.space.segments
        graph = self.space.graph if self.space.kind == "network" else None
        sections = section_figures(self.space) if graph is None else []
        self._figures = {(f.span.start, f.span.end): f for _, lines in sections for f in lines}
        for i, (segment, statements) in enumerate(zip(segments, _statements(self.space), strict=True)):
            part = graph.sections[i].body if graph is not None else None
            figures = self._of_parts((part,)) if part is not None else self._of_figures(sections[i][0])
            key = segment.name or ("> end" if i == len(segments) - 1 else f"> {segments[i - 1].name if i else 'start'}")
            side = StageSide(segment.name, figures.outputs, figures.size, figures.cost)
            rows = self.rows(segment.body, statements, segment.name, part.lines if part is not None else None)
            found.append(StageRows(key, side, rows))
        return tuple(found)

    def rows(
        self,
        body: Group,
        statements: Sequence[tree.Statement],
        path: str = "",
        parts: Sequence[tuple[Part, ...]] | None = None,
    ) -> tuple[Row, ...]:
        """The lines of a body."""
        found: list[Row] = []
        lines = [s for s in statements if isinstance(s, (tree.Line, tree.Wire))]
        lines = lines[len(lines) - len(body.lines) :]  # a first line of only the name of the input is not in the body
        for i, (items, statement) in enumerate(zip(body.lines, lines, strict=True)):
            name = statement.name if isinstance(statement, tree.Wire) else None
            line = parts[i] if parts is not None else None
            found += self._line(items, line, statement.value, join(path, items[0].label), name)
        out = next((s for s in statements if isinstance(s, tree.Out)), None)
        if body.out is not None and out is not None:
            meaning = (self.meanings.number("out"), *self.meanings.of(body.out))
            found.append(Row(LineSide(join(path, "out"), one_line(out)), None, out.value, meaning, self, (body.out,)))
        return tuple(row for row in found if row.meaning or row.name is not None)  # `skip` alone is no line

    def _line(
        self,
        items: tuple[Element, ...],
        parts: tuple[Part, ...] | None,
        value: tree.Expression,
        label: str,
        name: str | None = None,
    ) -> Iterator[Row]:
        """The row of a line. Copies in a network are a row each, because other networks have them written out."""
        copied = (
            isinstance(items[0], Repeat) and isinstance(value, tree.Binary) and not isinstance(value.right, tree.List)
        )
        if parts is not None and name is None and copied:
            assert isinstance(value, tree.Binary)
            for i, part in enumerate(parts[0].items):
                yield from self._line((part.element,), (part,), value.right, f"{label}[{i}]")
            return
        known = self._figures.get((items[0].span.start, items[-1].span.end))
        figures = self._of_parts(parts) if parts else self._of_figures(known) if known is not None else Figures()
        side = LineSide(label, f"{name} = {one_line(value)}" if name else one_line(value), *figures)
        yield Row(side, name, value, self.meanings.of_all(items), self, items, parts)

    def source_rows(self, statements: Sequence[tree.Statement]) -> tuple[Row, ...]:
        """The lines of a block, without values for its parameters: they have no shapes and costs."""
        found: list[Row] = []
        for s in statements:
            if isinstance(s, (tree.Line, tree.Wire, tree.Out)):
                name = s.name if isinstance(s, tree.Wire) else None
                side = LineSide(name or "", one_line(s))
                found.append(Row(side, name, s.value, (self.meanings.number(type(s), one_line(s.value)),), self))
        return tuple(found)

    def _of_parts(self, parts: Sequence[Part]) -> Figures:
        graph = self.space.graph
        nodes = [
            graph.node(p.node) for part in parts for p in part.walk() if p.node is not None and p.node in graph.live
        ]
        macs, params = sum(n.macs for n in nodes), sum(n.params for n in nodes)
        before, after = (tuple(graph.node(key).shape for key in many(v)) for v in (parts[0].before, parts[-1].value))
        return Figures(_distinct(before), _distinct(after), 1, Cost(macs, macs, params, params))

    def _of_figures(self, figures: LineFigures) -> Figures:
        size: Size = "not counted"
        if figures.after:  # else a layer has more options than the walk follows
            with suppress(CannotCountError):
                number = self._counts.of(figures.ways)
                size = "infinite" if number is None else number
        return Figures(_distinct(figures.before), _distinct(figures.after), size, figures.cost)


def _distinct(shapes: Iterable[Shape]) -> tuple[Shape, ...]:
    return tuple(sorted({shape for shape in shapes if shape}))


def one_line(written: tree.Expression | tree.Line | tree.Wire | tree.Out) -> str:
    """A line or an expression on one line, with semicolons between the lines of a body."""
    if isinstance(written, (tree.Line, tree.Wire, tree.Out)):
        start = (
            "out " if isinstance(written, tree.Out) else f"{written.name} = " if isinstance(written, tree.Wire) else ""
        )
        return start + one_line(written.value)
    first, *rest = (line.strip() for line in print_inline(written).split("\n"))
    for line in rest:
        first += f" {line}" if first.endswith("{") or line.startswith("}") else f"; {line}"
    return first


def _statements(space: Space) -> Iterator[Sequence[tree.Statement]]:
    """The lines of each segment of a space, as they are written."""
    body = [s for s in space.syntax.body if isinstance(s, (tree.Stage, tree.Line, tree.Wire, tree.Out))]
    for staged, group in groupby(body, lambda statement: isinstance(statement, tree.Stage)):
        if staged:
            yield from (stage.body for stage in group if isinstance(stage, tree.Stage))
        else:
            yield list(group)
