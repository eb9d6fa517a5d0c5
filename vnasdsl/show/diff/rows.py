"""The lines of one side, made ready to be compared: their text, meaning, shapes and costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from vnasdsl.elaborate.space import Space
from vnasdsl.language import tree
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Shape
from vnasdsl.network.graph import Part, many
from vnasdsl.show.diff.meaning import Meaning, Reader
from vnasdsl.show.diff.model import Side, Size, StageSide
from vnasdsl.show.figures import LineFigures, section_figures
from vnasdsl.space.costs import Cost
from vnasdsl.space.counting import CannotCountError, Counts
from vnasdsl.space.elements import BodyLayer, Element, Group, NameRef, Repeat, join


@dataclass(frozen=True, eq=False)
class Row:
    """One line. `given` is the label that the text gives it, None where the label is made from what stands there."""

    side: Side
    given: str | None
    items: tuple[Element, ...]
    value: tree.Expression
    """What the text says; the bodies of layers such as `residual` are found here."""
    layers: Meaning
    surface: Meaning
    maker: RowMaker
    parts: tuple[Part, ...] | None = None
    """Of a network: the line in its graph."""

    def body_rows(self, wrap: BodyLayer) -> tuple[Row, ...]:
        """The lines in the body of a layer such as `residual { ... }`, which is all that stands in this line."""
        assert isinstance(self.value, tree.Call) and self.value.body is not None
        lines = self.parts[0].items[0].lines if self.parts else None
        costs = self.side.cost is not None
        return self.maker.rows(wrap.body, self.value.body, self.side.label, lines, costs)

    def same_layers(self, other: Row) -> bool:
        """The same runs here; `same` and a number are alike after the same number of channels."""
        if self.layers == other.layers:
            return True
        return self.channels == other.channels and self.at_shapes is not None and self.at_shapes == other.at_shapes

    @cached_property
    def at_shapes(self) -> tuple[object, ...] | None:
        """What runs, with every argument filled in; None for a line of a space or block."""
        return self.maker.at_shapes(self.parts) if self.parts else None

    @property
    def channels(self) -> tuple[int, ...]:
        return tuple(shape[0] for shape in self.side.inputs)

    def same(self, other: Row) -> bool:
        """Nothing changed in the line itself: a change inside a block it uses is told with the block."""
        return self.given == other.given and (self.surface == other.surface or self.same_layers(other))


@dataclass(frozen=True, eq=False)
class StageRows:
    """A stage, or with an empty name the lines between two stages."""

    side: StageSide
    rows: tuple[Row, ...]


@dataclass
class RowMaker:
    """Makes the rows of one space; `reader` reads its elements.

    Shapes and costs of a network come from its graph, those of a space from the walk over all its networks.
    """

    space: Space
    reader: Reader

    def __post_init__(self) -> None:
        self.counts = Counts()
        self._figures: dict[tuple[int, int], LineFigures] = {}

    def stages(self) -> tuple[StageRows, ...]:
        found = []
        parts = [section.body for section in self.space.graph.sections] if self.space.kind == "network" else None
        sections = section_figures(self.space) if parts is None else []
        self._figures = {(f.span.start, f.span.end): f for _, lines in sections for f in lines}
        for i, (segment, statements) in enumerate(zip(self.space.segments, _statements(self.space), strict=True)):
            part = None if parts is None else parts[i]
            figures = self.of_part((part,)) if part is not None else self.of_figures(sections[i][0])
            rows = self.rows(segment.body, statements, segment.name, None if part is None else part.lines)
            found.append(StageRows(StageSide(segment.name, figures.outputs, figures.cost, figures.size), rows))
        return tuple(found)

    def of_part(self, parts: Sequence[Part]) -> Figures:
        graph = self.space.graph
        nodes = [
            graph.node(p.node) for part in parts for p in part.walk() if p.node is not None and p.node in graph.live
        ]
        macs, params = sum(n.macs for n in nodes), sum(n.params for n in nodes)
        before, after = (tuple(graph.node(key).shape for key in many(v)) for v in (parts[0].before, parts[-1].value))
        return Figures(_distinct(before), _distinct(after), Cost(macs, macs, params, params), 1)

    def of_figures(self, figures: LineFigures) -> Figures:
        try:
            number = self.counts.of(figures.ways)
            size: Size = "infinite" if number is None else number
        except CannotCountError:
            size = "not counted"
        return Figures(_distinct(figures.before), _distinct(figures.after), figures.cost or Cost(), size)

    def rows(
        self,
        body: Group,
        statements: Sequence[tree.Statement],
        path: str,
        parts: Sequence[tuple[Part, ...]] | None = None,
        costs: bool = True,
    ) -> tuple[Row, ...]:
        """The lines of a body. Inside a block (without `costs`) they have no shapes and costs."""
        found: list[Row] = []
        lines = [s for s in statements if isinstance(s, (tree.Line, tree.Wire))]
        for i, (items, statement) in enumerate(zip(body.lines, lines, strict=True)):
            given = statement.name if isinstance(statement, tree.Wire) else None
            line = parts[i] if parts is not None else None
            figures = self._figures.get((items[0].span.start, items[-1].span.end)) if costs and line is None else None
            for part, own, written, label in self._split(items, line, statement.value, path):
                row = self.row(part, written, given, label, own, figures)
                if row.surface or row.given is not None:  # a line with nothing but `skip` is no line
                    found.append(row)
        out = next((s for s in statements if isinstance(s, tree.Out)), None)
        if body.out is not None and out is not None:
            found.append(self.row((body.out,), out.value, None, join(path, "out"), None, None, "out "))
        return tuple(found)

    def _split(
        self, items: tuple[Element, ...], parts: tuple[Part, ...] | None, value: tree.Expression, path: str
    ) -> Iterator[tuple[tuple[Element, ...], tuple[Part, ...] | None, tree.Expression, str]]:
        """A line of a network that makes copies is that many lines: a line of a network is a layer."""
        here = join(path, items[0].label)
        only = items[0] if len(items) == 1 and self.space.kind == "network" else None
        if isinstance(only, Repeat) and isinstance(value, tree.Binary) and not isinstance(value.right, tree.List):
            for i, item in enumerate(only.items):
                copy = (parts[0].items[i],) if parts is not None else None
                yield from self._split((item,), copy, value.right, f"{here}[{i}]")
        else:
            yield items, parts, value, here

    def row(
        self,
        items: tuple[Element, ...],
        value: tree.Expression,
        given: str | None,
        label: str,
        parts: tuple[Part, ...] | None,
        figures: LineFigures | None,
        word: str = "",
    ) -> Row:
        text = f"{word}{one_line(value)}"
        side = Side(label, f"{given} = {text}" if given else text)
        found = self.of_part(parts) if parts else self.of_figures(figures) if figures is not None else None
        if found is not None:
            side = Side(label, side.text, found.inputs, found.outputs, found.cost, found.size)
        layers = tuple(number for item in items for number in self.reader.layers(item))
        surface = tuple(number for item in items for number in self.reader.surface(item))
        if word:
            surface, layers = (self.reader.numbers("out"), *surface), (self.reader.numbers("out"), *layers)
        return Row(side, given, items, value, layers, surface, self, parts)

    def at_shapes(self, parts: tuple[Part, ...]) -> tuple[object, ...]:
        """What runs, with every argument filled in; lines of other rows by their names."""
        found: list[object] = []
        for part in (inner for each in parts for inner in each.walk()):
            if isinstance(part.element, NameRef):
                found.append((part.element.wire, part.element.index))
            if part.node is not None:
                found.append(self.space.graph.node(part.node).architecture)
        return tuple(found)


class Figures(NamedTuple):
    """Shapes and costs of a line or stage."""

    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    cost: Cost
    size: Size


def _distinct(shapes: Iterable[Shape]) -> tuple[Shape, ...]:
    return tuple(sorted(set(shapes)))


def one_line(value: tree.Expression) -> str:
    """The text of an expression in one line; lines of a body in braces are set apart by semicolons."""
    first, *rest = (line.strip() for line in print_inline(value).split("\n"))
    for line in rest:
        first += f" {line}" if first.endswith("{") or line.startswith("}") else f"; {line}"
    return first


def _statements(space: Space) -> Iterator[Sequence[tree.Statement]]:
    """The lines of each segment of a space as they are written, without the name of the input at their beginning."""
    groups: list[list[tree.Statement]] = []
    is_open = False
    for statement in space.syntax.body:
        if isinstance(statement, tree.Stage):
            groups.append(list(statement.body))
            is_open = False
        elif isinstance(statement, (tree.Line, tree.Wire, tree.Out)):
            if not is_open:
                groups.append([])
            groups[-1].append(statement)
            is_open = True
    first = _without_input(groups[0][0], space.input.name) if groups and groups[0] else None
    if groups and groups[0]:
        groups[0][:1] = [first] if first is not None else []
    yield from groups


def _without_input(statement: tree.Statement, name: str) -> tree.Statement | None:
    """A first line `clip -> conv(...)` as `conv(...)`; None when nothing is left."""
    if not isinstance(statement, (tree.Line, tree.Wire)):
        return statement
    value = statement.value
    items = value.items if isinstance(value, tree.Chain) else (value,)
    if not isinstance(items[0], tree.Name) or items[0].id != name:
        return statement
    if len(items) == 1:
        return statement if isinstance(statement, tree.Wire) else None
    rest = items[1] if len(items) == 2 else tree.Chain(items[1:], span=value.span)
    return replace(statement, value=rest)
