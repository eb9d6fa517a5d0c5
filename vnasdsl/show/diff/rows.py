"""The lines of one side, made ready to be compared: their text, meaning, shapes and costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from vnasdsl.language import tree
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Shape
from vnasdsl.show.diff.meaning import Meaning, Reader
from vnasdsl.show.diff.model import Side, StageSide
from vnasdsl.space.counting import Counter
from vnasdsl.space.elements import Element, Group, Repeat, join
from vnasdsl.space.shapes import Cost, Outcomes
from vnasdsl.space.space import Space
from vnasdsl.space.wires import Several


@dataclass(frozen=True, eq=False)
class Row:
    """One line. `given` is the label that the text gives it, None where the label is made from what stands there."""

    side: Side
    given: str | None
    items: tuple[Element, ...]
    value: tree.Expression
    """What the text says; the bodies of layers such as `residual` are found here."""
    layers: Meaning
    layers_at: Meaning | None
    surface: Meaning
    maker: RowMaker

    def body_rows(self, body: Group) -> tuple[Row, ...]:
        """The lines in the body of a layer such as `residual { ... }`, which is all that stands in this line."""
        assert isinstance(self.value, tree.Call) and self.value.body is not None
        return tuple(self.maker.rows(body, self.value.body, self.side.label, self.side.inputs or None))

    def same_layers(self, other: Row) -> bool:
        """The same runs here; `same` and a number are alike behind as many channels."""
        if self.layers == other.layers:
            return True
        return self.channels == other.channels and self.layers_at is not None and self.layers_at == other.layers_at

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
    """Makes the rows of one space; `reader` reads its elements."""

    space: Space
    reader: Reader

    def __post_init__(self) -> None:
        self.counter = Counter()

    def stages(self) -> tuple[StageRows, ...]:
        shapes: tuple[Shape, ...] = (self.space.input.shape,)
        found = []
        for segment, statements in zip(self.space.segments, _statements(self.space), strict=True):
            cost, after = self.flow((segment.body,), shapes)
            side = StageSide(segment.name, after, cost, self.counter.count(segment.body) or 0)
            found.append(StageRows(side, tuple(self.rows(segment.body, statements, segment.name, shapes))))
            shapes = after
        return tuple(found)

    def flow(self, items: Sequence[Element], shapes: Sequence[Shape]) -> tuple[Cost, tuple[Shape, ...]]:
        """The least and greatest costs of items over the shapes that can enter, and the shapes that can leave."""
        after: dict[Shape, None] = {}
        total: Cost | None = None
        for shape in shapes:
            outcomes: Outcomes = {shape: Cost()}
            for item in items:
                outcomes = self.space.analysis.follow(outcomes, item)
            for left, cost in outcomes.items():
                assert not isinstance(left, Several)
                after[left] = None
                total = cost if total is None else total | cost
        return total or Cost(), tuple(sorted(after))

    def rows(
        self, body: Group, statements: Sequence[tree.Statement], path: str, shapes: tuple[Shape, ...] | None
    ) -> Iterator[Row]:
        """The lines of a body. Without shapes (inside a block) they have no costs."""
        for items, statement in zip(body.lines, statements, strict=True):
            assert isinstance(statement, (tree.Line, tree.Wire))
            given = statement.name if isinstance(statement, tree.Wire) else None
            for part, written, label in self._split(items, statement.value, path):
                row = self.row(part, written, given, label, shapes)
                if row.side.outputs:
                    shapes = row.side.outputs
                if row.surface or row.given is not None:  # a line with nothing but `skip` is no line
                    yield row

    def _split(
        self, items: tuple[Element, ...], value: tree.Expression, path: str
    ) -> Iterator[tuple[tuple[Element, ...], tree.Expression, str]]:
        """A line of a network that makes copies is that many lines: a line of a network is a layer."""
        here = join(path, items[0].label)
        only = items[0] if len(items) == 1 and self.space.kind == "network" else None
        if isinstance(only, Repeat) and isinstance(value, tree.Binary):
            for i, item in enumerate(only.items):
                yield from self._split((item,), value.right, f"{here}[{i}]")
        else:
            yield items, value, here

    def row(
        self,
        items: tuple[Element, ...],
        value: tree.Expression,
        given: str | None,
        label: str,
        shapes: tuple[Shape, ...] | None,
    ) -> Row:
        text = one_line(value)
        side = Side(label, f"{given} = {text}" if given else text)
        if shapes is not None:
            cost, after = self.flow(items, shapes)
            side = Side(label, side.text, shapes, after, cost, prod(self.counter.count(item) or 0 for item in items))
        layers = tuple(number for item in items for number in self.reader.layers(item))
        surface = tuple(number for item in items for number in self.reader.surface(item))
        at = self.layers_at(items, shapes[0]) if shapes is not None and len(shapes) == 1 else None
        return Row(side, given, items, value, layers, at, surface, self)

    def layers_at(self, items: Sequence[Element], shape: Shape | None) -> Meaning | None:
        """What runs at this shape; None when one of the items can be entered by several."""
        row: list[int] = []
        for item in items:
            if shape is None:
                return None
            more, shape = self.reader.layers_at(item, shape)
            row += more
        return tuple(row)


def one_line(value: tree.Expression) -> str:
    """The text of an expression in one line; lines of a body in braces are set apart by semicolons."""
    first, *rest = (line.strip() for line in print_inline(value).split("\n"))
    for line in rest:
        first += f" {line}" if first.endswith("{") or line.startswith("}") else f"; {line}"
    return first


def _statements(space: Space) -> Iterator[Sequence[tree.Statement]]:
    """The lines of each segment of a space as they are written, without the name of the input at their beginning."""
    groups: list[list[tree.Statement]] = []
    loose = False
    for statement in space.syntax.body:
        if isinstance(statement, tree.Stage):
            groups.append(list(statement.body))
            loose = False
        elif isinstance(statement, (tree.Line, tree.Wire)):
            if not loose:
                groups.append([])
            groups[-1].append(statement)
            loose = True
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
        return None
    rest = items[1] if len(items) == 2 else tree.Chain(items[1:], span=value.span)
    return replace(statement, value=rest)
