"""A network as a chain: a row for every stage with its layers from left to right, its shape and share of the cost."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from math import sqrt

from vnasdsl.elaborate.space import Space
from vnasdsl.show.draw.metrics import shortened, text_width
from vnasdsl.show.draw.picture import SERIES, Edge, Node, Picture, Point, Rect, Text, dims, rounded, straight
from vnasdsl.show.draw.words import parts
from vnasdsl.show.numbers import amount
from vnasdsl.space.elements import Element, Segment

MARGIN = 28
HEIGHT, GAP, ROW_GAP = 40, 22, 22
"""Of a box; between boxes; between rows."""
LEAST_BOX, MOST_BOX = 64, 250
MOST_CHAIN = 760
"""Width of the boxes of a row; further ones go below."""
PANEL_ROWS = 22
"""Rows one below the other; where there are more, they stand in several columns."""
BAR = 110
COLUMN = 20
PANEL_GAP = 70


@dataclass(frozen=True)
class _Row:
    """Boxes with x from 0, y of the row 0."""

    stage: str
    nodes: tuple[Node, ...]
    facts: tuple[str, str, str]
    """Shape; MACs and parameters only in the last row of a stage."""
    share: float

    @property
    def width(self) -> float:
        return self.nodes[-1].right


def chain_picture(space: Space) -> Picture:
    """The layers of a network, a line of its text a box. Raises: VnsError when a shape does not fit."""
    total = space.macs[0]
    shape = space.input.shape
    colours = _colours(space)
    rows: list[_Row] = []
    boxes = [_box("in", [space.input.name, dims(shape)], "io", "", "")]
    shapes = [dims(shape)]
    for number, segment in enumerate(space.segments):
        stage_macs = stage_params = 0
        for count, (text, element) in enumerate(_parts(segment)):
            ((after, ways),) = space.analysis.outcomes(element, shape).items()
            cost = space.analysis.costs.of(ways)
            assert isinstance(after, tuple)  # lists are drawn as graphs
            tip = f"{text}: {dims(shape)} to {dims(after)}, {cost.macs_max} MACs, {cost.params_max} parameters"
            lines = [text, amount(cost.macs_max)] if cost.macs_max else [text]
            boxes.append(_box(f"{number}.{count}", lines, "layer", tip, segment.name, colours.get(text)))
            stage_macs += cost.macs_max
            stage_params += cost.params_max
            shape = after
            shapes.append(dims(shape))
        costs = (amount(stage_macs) if stage_macs else "", amount(stage_params) if stage_params else "")
        rows += _fill(segment.name, boxes, shapes, costs, stage_macs / total if total else 0.0)
        boxes, shapes = [], []
    return _picture(space, rows)


def _colours(space: Space) -> dict[str, str]:
    """A colour for every line that comes more than once in some stage."""
    repeated: set[str] = set()
    for segment in space.segments:
        counted = Counter(text for text, _ in _parts(segment))
        repeated.update(text for text, count in counted.items() if count > 1)
    return {text: f"series{number % SERIES}" for number, text in enumerate(sorted(repeated, key=_natural))}


def _parts(segment: Segment) -> list[tuple[str, Element]]:
    """The layers of a stage; what is skipped is none."""
    return [(text, element) for text, element in parts(segment.body) if text != "skip"]


def _natural(text: str) -> tuple[str, int]:
    head, _, tail = text.partition("(")
    digits = "".join(c for c in tail if c.isdigit())
    return head, int(digits[:9] or 0)


def _box(name: str, lines: list[str], role: str, tip: str, group: str, colour: str | None = None) -> Node:
    stripe = 6 if colour else 0
    widest = max(text_width(line, 10.5 if i else 12) for i, line in enumerate(lines))
    width = min(max(widest + 20 + stripe, LEAST_BOX), MOST_BOX)
    middle = (width + stripe) / 2
    first = 17.0 if len(lines) > 1 else 24.0
    texts = tuple(
        Text(
            middle,
            first + 15 * i,
            shortened(line, width - 16 - stripe, 10.5 if i else 12),
            "faint" if i else "text",
            10.5 if i else 12,
        )
        for i, line in enumerate(lines)
    )
    rects = (Rect(5, 6, 5, HEIGHT - 12, colour, radius=2),) if colour else ()
    return Node(name, 0, 0, width, HEIGHT, role, texts, rects, tip or " ".join(lines), group)


def _fill(stage: str, boxes: list[Node], shapes: list[str], costs: tuple[str, str], share: float) -> list[_Row]:
    """The boxes of a stage in as many rows as they need; `shapes` is what leaves each box."""
    if not boxes:
        return []
    rows: list[list[Node]] = [[]]
    x = 0.0
    for box in boxes:
        if rows[-1] and x + box.width > MOST_CHAIN:
            rows.append([])
            x = 0.0
        rows[-1].append(box.moved(x, 0))
        x += box.width + GAP
    found: list[_Row] = []
    done = 0
    for i, row in enumerate(rows):
        done += len(row)
        last = done == len(boxes)
        facts = (shapes[done - 1], *(costs if last else ("", "")))
        found.append(_Row("" if i else stage, tuple(row), facts, share if last else 0.0))
    return found


def _picture(space: Space, rows: list[_Row]) -> Picture:
    names = max((text_width(row.stage, 13, True) for row in rows), default=0.0)
    chain = max(row.width for row in rows)
    widths = [max([text_width(row.facts[i], 11) for row in rows] + [62.0]) for i in range(3)]
    left = names + 18
    panel = left + chain + 34 + widths[0] + COLUMN + widths[1] + 8 + BAR + COLUMN + widths[2]
    # About as wide as high, however long the network is.
    count = 1 if len(rows) <= PANEL_ROWS else max(2, round(sqrt(len(rows) * (HEIGHT + ROW_GAP) / panel)))
    per_panel = -(-len(rows) // count)

    top = MARGIN + 36
    nodes: list[Node] = []
    texts = [Text(MARGIN, MARGIN + 6, _title(space), size=16, anchor="start", bold=True)]
    rects: list[Rect] = []
    most = max((row.share for row in rows), default=0.0)
    places: list[tuple[float, float]] = []
    for number in range(count):
        texts += _headings(MARGIN + number * (panel + PANEL_GAP) + left + chain + 34, top, widths)
    for number, row in enumerate(rows):
        x0 = MARGIN + (number // per_panel) * (panel + PANEL_GAP)
        y = top + 18 + (number % per_panel) * (HEIGHT + ROW_GAP)
        places.append((x0 + left, y))
        if row.stage:
            texts.append(Text(x0 + names, y + HEIGHT / 2 + 5, row.stage, size=13, anchor="end", bold=True))
        nodes += (node.moved(x0 + left, y) for node in row.nodes)
        more_texts, more_rects = _facts(row, x0 + left + chain + 34, y + HEIGHT / 2 + 4, widths, most)
        texts += more_texts
        rects += more_rects
        begin = x0 + left + row.width + 24
        length = x0 + left + chain + 26 + widths[0] - text_width(row.facts[0], 11) - begin
        if length > 0:
            rects.append(Rect(begin, y + HEIGHT / 2, length, 1, "rule"))
    edges = _edges(rows, places, nodes, per_panel, left)
    width = MARGIN * 2 + count * panel + (count - 1) * PANEL_GAP
    title = MARGIN * 2 + text_width(_title(space), 16, True)
    height = top + 18 + per_panel * (HEIGHT + ROW_GAP) - ROW_GAP + MARGIN
    return Picture(
        space.name,
        _title(space),
        _description(space, rows),
        max(width, title),
        height,
        tuple(nodes),
        tuple(edges),
        tuple(texts),
        tuple(rects),
    )


def _headings(x: float, y: float, widths: list[float]) -> list[Text]:
    found = [Text(x + widths[0], y, "output", "faint", 11, "end")]
    x += widths[0] + COLUMN + widths[1]
    found.append(Text(x, y, "MACs", "faint", 11, "end"))
    x += 8 + BAR + COLUMN + widths[2]
    found.append(Text(x, y, "parameters", "faint", 11, "end"))
    return found


def _facts(row: _Row, x: float, y: float, widths: list[float], most: float) -> tuple[list[Text], list[Rect]]:
    """Shape, MACs with a bar, parameters of a stage."""
    shape, macs, params = row.facts
    texts = [Text(x + widths[0], y, shape, size=11, anchor="end")]
    x += widths[0] + COLUMN + widths[1]
    texts.append(Text(x, y, macs, size=11, anchor="end"))
    x += 8
    rects = []
    if row.share:
        length = max(1.0, (BAR - 44) * row.share / most)
        rects.append(Rect(x, y - 10, length, 12, "bar", f"{100 * row.share:.2f} % of the MACs", radius=2))
        texts.append(Text(x + length + 6, y, f"{100 * row.share:.1f} %", "faint", 10.5, "start"))
    x += BAR + COLUMN + widths[2]
    texts.append(Text(x, y, params, size=11, anchor="end"))
    return texts, rects


def _edges(
    rows: list[_Row], places: list[tuple[float, float]], nodes: list[Node], per_panel: int, left: float
) -> list[Edge]:
    """From box to box; between rows along the gap below, between columns of rows through the gap beside them."""
    first = {row.nodes[0].id: number for number, row in enumerate(rows)}
    edges = []
    for before, after in itertools.pairwise(nodes):
        start = (before.right, before.middle)
        end = (after.x, after.middle)
        number = first.get(after.id)
        tip = f"{_said(before)} → {_said(after)}"
        if number is None:
            points = straight(start, end)
        elif number % per_panel:
            turn = places[number][1] - ROW_GAP / 2
            points = rounded(_corners(start, end, turn))
        else:
            gutter = places[number][0] - left - PANEL_GAP / 2
            points = rounded(_around(start, end, before.bottom + ROW_GAP / 2, gutter))
        edges.append(Edge(before.id, after.id, points, 1.4, arrow=True, tip=tip))
    return edges


def _corners(start: Point, end: Point, turn: float) -> list[Point]:
    right, left = start[0] + 11, end[0] - 12
    return [start, (right, start[1]), (right, turn), (left, turn), (left, end[1]), end]


def _around(start: Point, end: Point, below: float, gutter: float) -> list[Point]:
    """Down from the last row of a column of rows, up between the two, and from above to the first row of the next."""
    right, left, above = start[0] + 11, end[0] - 12, end[1] - HEIGHT / 2 - 9
    return [
        start,
        (right, start[1]),
        (right, below),
        (gutter, below),
        (gutter, above),
        (left, above),
        (left, end[1]),
        end,
    ]


def _said(node: Node) -> str:
    return node.texts[0].content


def _title(space: Space) -> str:
    claim = f", in {space.claim.name}" if space.claim else ""
    return f"{space.name}{claim}: {amount(space.macs[0])} MACs per clip, {amount(space.params[0])} parameters"


def _description(space: Space, rows: list[_Row]) -> str:
    said = [f"The network {space.name} as a chain of {sum(len(row.nodes) for row in rows) - 1} layers."]
    for row in rows:
        layers = ", ".join(node.texts[0].content for node in row.nodes)
        said.append(f"{row.stage + ': ' if row.stage else ''}{layers}; output {row.facts[0]}.")
    return " ".join(said)
