"""The lines of one side, made ready to be compared: their text, meaning, shapes and costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from vnasdsl.elaborate.space import Space
from vnasdsl.language import tree
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import LayerError, Shape
from vnasdsl.show.diff.meaning import Meaning, Reader
from vnasdsl.show.diff.model import Side, Size, StageSide
from vnasdsl.space.costs import Cost
from vnasdsl.space.counting import CannotCountError, Counts
from vnasdsl.space.elements import BodyLayer, Element, Group, Repeat, join, shapes_decide
from vnasdsl.space.evaluate import MOST_STATES, Held, State, States, Walk, drop, put, sorted_flows
from vnasdsl.space.flow import UNKNOWN, spliced
from vnasdsl.space.reads import reads, scope
from vnasdsl.space.shapes import Analysis
from vnasdsl.space.ways import NOTHING, either


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
    place: Place | None = None

    def body_rows(self, wrap: BodyLayer) -> tuple[Row, ...]:
        """The lines in the body of a layer such as `residual { ... }`, which is all that stands in this line."""
        assert isinstance(self.value, tree.Call) and self.value.body is not None
        place = self.maker.body_place(wrap, self.place) if self.place is not None else None
        return self.maker.rows(wrap.body, self.value.body, self.side.label, place)[0]

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


@dataclass(frozen=True)
class Place:
    """What can flow where a line begins, and what the lines in front of it hold: with shapes, and as they are counted
    (there mostly without)."""

    shaped: tuple[State, ...]
    counted: tuple[State, ...]

    @property
    def shapes(self) -> tuple[Shape, ...]:
        return shapes_of(flow for flow, _ in self.shaped)

    def behind(self, name: str, forget: frozenset[str]) -> Place:
        """The same behind a line of this name (or none); names that nothing reads any more are forgotten."""

        def put_in(states: Iterable[State]) -> tuple[State, ...]:
            new = ((flow, put(env, name, flow) if name and name not in forget else env) for flow, env in states)
            return tuple(dict.fromkeys((flow, drop(env, forget)) for flow, env in new))

        return Place(put_in(self.shaped), put_in(self.counted))


def shapes_of(flows: Iterable[Held]) -> tuple[Shape, ...]:
    """Every shape that can flow, those of lists one by one."""
    return tuple(sorted({shape for held in flows for flow in sorted_flows(held) for shape in spliced(flow)}))


@dataclass
class RowMaker:
    """Makes the rows of one space; `reader` reads its elements."""

    space: Space
    reader: Reader

    def __post_init__(self) -> None:
        self.counts = Counts()
        self.shaped = any(shapes_decide(segment.body) for segment in self.space.segments)
        self.walk = Analysis(self.space.input.classes) if self.shaped else Walk()

    def stages(self) -> tuple[StageRows, ...]:
        name = self.space.input.name
        shapes = tuple(dict.fromkeys(video.shape for video in self.space.inputs.ways()))
        start = tuple(state for shape in shapes for state in self.space.analysis.start(shape, name))
        counted = start if self.shaped else tuple(self.walk.start(UNKNOWN, name))
        place = Place(start, counted)
        later = [
            frozenset().union(*(reads(s.body) for s in self.space.segments[i + 1 :]))
            for i in range(len(self.space.segments))
        ]
        found = []
        for segment, statements, keep in zip(self.space.segments, _statements(self.space), later, strict=True):
            cost, size, after = self.flow((segment.body,), place)
            side = StageSide(segment.name, after.shapes, cost, size)
            rows, last = self.rows(segment.body, statements, segment.name, place, keep)
            found.append(StageRows(side, rows))
            place = after if segment.name or last is None else last  # the names of a stage live in it
        return tuple(found)

    def flow(self, items: Sequence[Element], place: Place) -> tuple[Cost, Size, Place]:
        """The least and greatest costs of items over what can enter, their number of ways, and what can leave."""
        analysis = self.space.analysis
        overapproximate = analysis.overapproximate
        states: States = dict.fromkeys(place.shaped, NOTHING)
        for item in items:
            states = analysis.step(states, item)
        total = analysis.costs.over(states.values()) if states else Cost()
        if len(states) > MOST_STATES:
            states = analysis.overapproximated(states)
        analysis.overapproximate = overapproximate  # what is shown in a comparison says nothing of the space
        size, counted = self._count(items, place)
        return total, size, Place(tuple(sorted(states, key=repr)), counted)

    def _count(self, items: Sequence[Element], place: Place) -> tuple[Size, tuple[State, ...]]:
        """The ways of one of the states that can enter: others of them can have others."""
        ways: States = dict.fromkeys(place.counted[:1], NOTHING)
        try:
            for item in items:
                ways = self.walk.step(ways, item)
            number = self.counts.of(either(ways.values()))
        except CannotCountError:
            return "not counted", place.counted
        return "infinite" if number is None else number, tuple(sorted(ways, key=repr)) or place.counted

    def rows(
        self,
        body: Group,
        statements: Sequence[tree.Statement],
        path: str,
        place: Place | None,
        keep: frozenset[str] = frozenset(),
    ) -> tuple[tuple[Row, ...], Place | None]:
        """The lines of a body, and what can flow behind them. Without a place (inside a block) they have no costs.

        `keep`: names that are read behind the body.
        """
        found: list[Row] = []
        ends = scope(body).ends
        lines = [s for s in statements if isinstance(s, (tree.Line, tree.Wire))]
        for i, (items, statement) in enumerate(zip(body.lines, lines, strict=True)):
            given = statement.name if isinstance(statement, tree.Wire) else None
            for part, written, label in self._split(items, statement.value, path):
                row, place = self.row(part, written, given, label, place)
                if row.surface or row.given is not None:  # a line with nothing but `skip` is no line
                    found.append(row)
            if place is not None:
                place = place.behind(body.name_of(i), frozenset(ends[i]) - keep)
        out = next((s for s in statements if isinstance(s, tree.Out)), None)
        if body.out is not None and out is not None:
            row, place = self.row((body.out,), out.value, None, join(path, "out"), place, "out ")
            found.append(row)
        return tuple(found), place

    def _split(
        self, items: tuple[Element, ...], value: tree.Expression, path: str
    ) -> Iterator[tuple[tuple[Element, ...], tree.Expression, str]]:
        """A line of a network that makes copies is that many lines: a line of a network is a layer."""
        here = join(path, items[0].label)
        only = items[0] if len(items) == 1 and self.space.kind == "network" else None
        if isinstance(only, Repeat) and isinstance(value, tree.Binary) and not isinstance(value.right, tree.List):
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
        place: Place | None,
        word: str = "",
    ) -> tuple[Row, Place | None]:
        text = f"{word}{one_line(value)}"
        side = Side(label, f"{given} = {text}" if given else text)
        after = None
        at = None
        if place is not None:
            cost, size, after = self.flow(items, place)
            side = Side(label, side.text, place.shapes, after.shapes, cost, size)
            at = self.layers_at(items, place.shapes[0]) if len(place.shapes) == 1 else None
        layers = tuple(number for item in items for number in self.reader.layers(item))
        surface = tuple(number for item in items for number in self.reader.surface(item))
        if word:
            surface, layers, at = (self.reader.numbers("out"), *surface), (self.reader.numbers("out"), *layers), None
        return Row(side, given, items, value, layers, at, surface, self, place), after

    def layers_at(self, items: Sequence[Element], shape: Shape | None) -> Meaning | None:
        """What runs at this shape; None when one of the items can be entered by several."""
        row: list[int] = []
        for item in items:
            if shape is None:
                return None
            more, shape = self.reader.layers_at(item, shape)
            row += more
        return tuple(row)

    def body_place(self, wrap: BodyLayer, place: Place) -> Place:
        """What can flow into the body of a layer such as `residual { ... }`."""
        shaped: list[State] = []
        for flow, env in place.shaped:
            if not isinstance(flow, tuple):
                continue
            try:
                shaped.append((self.space.analysis.entered(wrap, flow), env))
            except LayerError:
                continue
        return Place(tuple(shaped), place.counted)


def one_line(value: tree.Expression) -> str:
    """The text of an expression in one line; lines of a body in braces are set apart by semicolons."""
    first, *rest = (line.strip() for line in print_inline(value).split("\n"))
    for line in rest:
        first += f" {line}" if first.endswith("{") or line.startswith("}") else f"; {line}"
    return first


def _statements(space: Space) -> Iterator[Sequence[tree.Statement]]:
    """The lines of each segment of a space as they are written, without the name of the input at their beginning."""
    groups: list[list[tree.Statement]] = []
    overapproximate = False
    for statement in space.syntax.body:
        if isinstance(statement, tree.Stage):
            groups.append(list(statement.body))
            overapproximate = False
        elif isinstance(statement, (tree.Line, tree.Wire, tree.Out)):
            if not overapproximate:
                groups.append([])
            groups[-1].append(statement)
            overapproximate = True
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
