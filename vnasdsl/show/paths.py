"""What a search learnt as tables: the path weights into each stage, and the weights of its layers on the path taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vnasdsl.relax.trellis import Edges, Mixture, State, Trellis, holds
from vnasdsl.show.curves import png
from vnasdsl.show.draw.learnt import Learnt
from vnasdsl.show.draw.metrics import shortened, text_width, wrapped
from vnasdsl.show.draw.picture import rows_of

_INCH = 96  # pixels; everything below is in them
_FONT, _TITLE = 11.0, 13.0
_ROW, _CELL = 24, 46
_MOST_ROW, _MOST_COLUMN = 480, 260
"""Of the name of a row, and of each of two lines of that of a column; a longer one is cut."""
_SLANT = (0.82, 0.57)
"""Width and height that each pixel of a column's name takes, turned by 35 degrees."""
_MARGIN, _GAP, _TABLE_GAP, _MOST_WIDTH = 20, 40, 26, 1500
_SAID = "learnt weights; framed: taken; pale: not on the path, or inside an option that is not taken"
_TAKEN, _PALE = "#D55E00", 0.35


@dataclass(frozen=True)
class Row:
    name: str
    values: tuple[float, ...]
    taken: tuple[int, ...] = ()
    """The columns that were taken."""
    counts: bool = True
    """False for a layer inside an option that was not taken."""


@dataclass(frozen=True)
class Table:
    """Rows with the same columns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @cached_property
    def row_names(self) -> list[str]:
        return [shortened(row.name, _MOST_ROW, _FONT) for row in self.rows]

    @cached_property
    def column_names(self) -> list[list[str]]:
        """In lines."""
        return [wrapped(name, _MOST_COLUMN, _FONT, 2) for name in self.columns]

    @property
    def left(self) -> float:
        """Room to the left of the cells: for the names of the rows, and for slanted names of columns."""
        rows = max(text_width(name, _FONT) for name in self.row_names) + 8
        reach = (_SLANT[0] * _longest(name) - (i + 0.5) * _CELL for i, name in enumerate(self.column_names))
        return max(rows, *reach)

    @property
    def right(self) -> float:
        return max(_CELL * len(self.columns), text_width(self.title, _TITLE, True))

    @property
    def height(self) -> float:
        return _TITLE + 20 + _ROW * len(self.rows) + _SLANT[1] * max(map(_longest, self.column_names)) + _FONT


def _longest(lines: Sequence[str]) -> float:
    return max(text_width(line, _FONT) for line in lines)


def stage_tables(trellis: Trellis, learnt: Learnt) -> list[list[Table]]:
    """The tables of each stage that has any: where several ways lead into it, and one for each kind of choice."""
    found = []
    before: tuple[str, ...] = ("start",)
    came = 0
    for number, stage in enumerate(trellis.stages):
        labels = tuple(state.label.replace(",", ", ") or stage.name for state in stage.states)
        tables = []
        if len(labels) > 1:
            weights = learnt.path_weights[stage.name]
            rows = (
                Row(name, tuple(line), (learnt.path[number],) if i == came else (), i == came)
                for i, (name, line) in enumerate(zip(before, weights, strict=True))
            )
            tables.append(Table(f"paths into {stage.name}", labels, tuple(rows)))
        tables += _layer_tables(stage.name, stage.states[learnt.path[number]], learnt)
        if tables:
            found.append(tables)
        before, came = labels, learnt.path[number]
    return found


def _layer_tables(stage: str, state: State, learnt: Learnt) -> Iterator[Table]:
    """One table for all choices with the same options; of a choice of edges only where it has weights of its own."""
    parts: list[Mixture | Edges] = [*state.mixtures, *(edges for edges in state.edges if not edges.mixtures)]
    kinds: dict[tuple[str, tuple[str, ...]], list[Mixture | Edges]] = {}
    for part in parts:
        kinds.setdefault((part.choice.rpartition(".")[2], part.options), []).append(part)
    choices, weights = learnt.choices, learnt.mixture_weights
    edges = frozenset(edge.choice for edge in state.edges)
    names = _names(stage, parts)
    where = stage if any(part.choice.startswith(f"{stage}.") for part in parts) else "outside of stages"
    for (kind, options), members in kinds.items():
        rows = []
        for part in members:
            counts = part.choice in choices and any(holds(place, choices, edges) for place in part.places)
            taken = [i for i, option in enumerate(options) if holds(((part.choice, option),), choices, edges)]
            rows.append(Row(names[part.name], tuple(weights[part.name]), tuple(taken) if counts else (), counts))
        yield Table(where if len(kinds) == 1 else f"{where}: {kind}", options, tuple(rows))


def _names(stage: str, parts: Sequence[Mixture | Edges]) -> dict[str, str]:
    """By name of the mixture, a name for its row: the choice without its stage, and where several have one choice
    the options in which each of them stands."""
    alike: dict[str, list[Mixture | Edges]] = {}
    for part in parts:
        alike.setdefault(part.choice, []).append(part)
    rows = {}
    for choice, group in alike.items():
        short = choice.removeprefix(f"{stage}.").removesuffix(".op")
        around = [dict(part.when) for part in group]
        for part, when in zip(group, around, strict=True):
            own = [
                f"{outer.rpartition('.')[2]}={option}"
                for outer, option in when.items()
                if any(other.get(outer) != option for other in around)
            ]
            rows[part.name] = f"{short} in {', '.join(own)}" if own else short
    return rows


def paths_png(trellis: Trellis, learnt: Learnt) -> bytes:
    """The tables of all stages as PNG, each stage a column."""
    from matplotlib.figure import Figure

    columns = stage_tables(trellis, learnt)
    lefts = [max(table.left for table in tables) for tables in columns]
    widths = [left + max(table.right for table in tables) for left, tables in zip(lefts, columns, strict=True)]
    heights = [sum(table.height + _TABLE_GAP for table in tables) for tables in columns]
    bands = rows_of(widths, [_GAP] * (len(columns) - 1), _MOST_WIDTH)
    width = max([text_width(_SAID, _FONT), *(sum(widths[i] + _GAP for i in band) - _GAP for band in bands)])
    width += 2 * _MARGIN
    height = 2 * _MARGIN + _GAP + sum(max(heights[i] for i in band) for band in bands)
    figure = Figure(figsize=(width / _INCH, height / _INCH))
    figure.text(_MARGIN / width, 1 - (_MARGIN + _FONT) / height, _SAID, fontsize=_points(_FONT))
    top = float(_MARGIN + _GAP)
    for band in bands:
        x = float(_MARGIN)
        for i in band:
            y = top
            for table in columns[i]:
                _draw(figure, table, x + lefts[i], y + _TITLE + 10, width, height)
                y += table.height + _TABLE_GAP
            x += widths[i] + _GAP
        top += max(heights[i] for i in band)
    return png(figure)


def _points(pixels: float) -> float:
    return pixels * 72 / _INCH


def _draw(figure: Any, table: Table, x: float, y: float, width: float, height: float) -> None:
    """A table with the left upper corner of its cells at (x, y), in a figure of the size (width, height)."""
    from matplotlib.patches import Rectangle

    across, down = _CELL * len(table.columns), _ROW * len(table.rows)
    axis = figure.add_axes((x / width, 1 - (y + down) / height, across / width, down / height))
    shades = [[1.0 if row.counts else _PALE] * len(row.values) for row in table.rows]
    axis.imshow([row.values for row in table.rows], vmin=0, vmax=1, cmap="Blues", aspect="auto", alpha=shades)
    names = ["\n".join(lines) for lines in table.column_names]
    axis.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor", linespacing=1.0)
    axis.set_yticks(range(len(table.rows)), table.row_names)
    axis.tick_params(labelsize=_points(_FONT), length=3)
    axis.text(0, 1 + 8 / down, table.title, fontsize=_points(_TITLE), weight="bold", transform=axis.transAxes)
    for i, row in enumerate(table.rows):
        for j, value in enumerate(row.values):
            colour = ("white" if value > 0.6 else "black") if row.counts else "#555555"
            axis.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=_points(_FONT), color=colour)
        for j in row.taken:
            axis.add_patch(Rectangle((j - 0.47, i - 0.45), 0.94, 0.9, fill=False, edgecolor=_TAKEN, linewidth=2.5))
