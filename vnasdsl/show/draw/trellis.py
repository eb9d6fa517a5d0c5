"""The trellis of a space as a picture: stages as columns, candidates as boxes, the layers of each as small bars.

With what a search learnt the lines are as strong as their path weights (Zhou et al. 2021, Eq. 1), the bars show the
weights of the operations (Eq. 2), and the most probable path (Viterbi) is marked.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vnasdsl.elaborate.space import Space
from vnasdsl.layers.base import Shape
from vnasdsl.relax.plan import PlanStage, PlanState
from vnasdsl.relax.trellis import Mixture, Stage, State, Trellis, holds, trellis_of
from vnasdsl.show.draw.learnt import Learnt
from vnasdsl.show.draw.metrics import shortened, text_width
from vnasdsl.show.draw.picture import Edge, NodeBox, Picture, Rect, Text, dims, rows_of
from vnasdsl.show.draw.texts import text_of
from vnasdsl.show.draw.trellis_edges import Joined, joined, links
from vnasdsl.show.draw.trellis_legend import MARGIN, OTHER, legend, roles
from vnasdsl.show.numbers import count_words, short

MOST_WIDTH = 1360
"""Of a row of columns; further ones go to the next row."""
BAR, BAR_GAP, BAR_HEIGHT = 8, 2, 30
CELLS = 12
"""Bars side by side in a box."""
STATE_GAP, COLUMN_GAP = 14, 58
HEADER = 44
LABEL_MOST = 220
HEADING_REACH = 36
NO_STAGE = "–"
"""The heading of lines that stand before the first stage."""


@dataclass(frozen=True)
class _Column:
    """The boxes of a stage at x = 0, the middle of the column at y = 0."""

    nodes: tuple[NodeBox, ...]
    width: float
    height: float
    heading: tuple[tuple[str, str], ...]
    """(text, role) line by line."""


def trellis_picture(space: Space, learnt: Learnt | None = None) -> Picture:
    """Raises: VnsError E0501 where a choice changes the shape in the middle of a stage."""
    plan = space.plan
    trellis = trellis_of(plan)
    options = roles(trellis, learnt)
    columns = [_ends("in", (space.input.name, dims(space.input.shape)), learnt is not None)]
    for number, (stage, planned) in enumerate(zip(trellis.stages, plan.stages, strict=True)):
        taken = learnt.path[number] if learnt else None
        overapproximate = not number and not space.segments[0].name
        heading = NO_STAGE if overapproximate else stage.name
        columns.append(_column(number, stage, planned, heading, options, learnt, taken))
    last = space.segments[-1]
    alone = len(space.segments) == 1  # no stage follows these lines: they are the only column
    tail = [] if last.name or alone else [shortened(text_of(item), LABEL_MOST, 10.5) for item in last.body.items]
    columns.append(_ends("out", (f"{space.input.classes} classes", *tail), learnt is not None))
    edges = links([column.nodes for column in columns], trellis, learnt)

    nodes, texts, lines, width, bottom = _rows(columns, edges, top=MARGIN + 36)
    notes = [line.note for line in lines if line.note]
    below = legend(options, learnt, notes, bottom + 26, max(width, 760))
    texts.append(Text(MARGIN, MARGIN + 6, _title(space, learnt), size=16, anchor="start", bold=True))
    right = max(
        [width, *(t.x + text_width(t.content, t.size, t.bold) for t in (*texts, *below.texts) if t.anchor == "start")]
    )
    return Picture(
        space.name,
        _title(space, learnt),
        _description(space, trellis, learnt),
        right + MARGIN,
        below.bottom,
        tuple(nodes),
        tuple(edge for line in lines for edge in line.edges),
        (*texts, *below.texts),
        below.rects,
        (*(edge for line in lines for edge in line.bundle), *below.lines),
        tuple(edge for line in lines for edge in line.hidden),
    )


# ------------------------------------------------------------------- columns


def _ends(name: str, lines: tuple[str, ...], marked: bool) -> _Column:
    """The clip before the first stage, the classes after the last one."""
    width = max(text_width(line, 12 if i == 0 else 10.5) for i, line in enumerate(lines)) + 20
    height = 14 + 16 * len(lines)
    texts = tuple(
        Text(width / 2, -height / 2 + 19 + 15 * i, line, "faint" if i else "text", 10.5 if i else 12, bold=not i)
        for i, line in enumerate(lines)
    )
    node = NodeBox(name, 0, -height / 2, width, height, "io", texts, tip=", ".join(lines), marked=marked)
    return _Column((node,), width, height, ())


def _column(
    number: int,
    stage: Stage,
    planned: PlanStage,
    name: str,
    options: Mapping[str, str],
    learnt: Learnt | None,
    taken: int | None,
) -> _Column:
    shapes = {_own_shape(state)[1:] for state in planned.states}
    names = [
        _state_lines(state, plan, len(shapes) > 1) for state, plan in zip(stage.states, planned.states, strict=True)
    ]
    cells = max(min(len(state.mixtures), CELLS) for state in stage.states)
    label = max(text_width(line, 13 if i == 0 else 10.5, not i) for lines in names for i, line in enumerate(lines))
    width = max(label + 20, cells * (BAR + BAR_GAP) + 18, 46)
    nodes: list[NodeBox] = []
    y = 0.0
    for index, (state, plan, lines) in enumerate(zip(stage.states, planned.states, names, strict=True)):
        node = _box(f"{number}.{index}", stage, state, plan, lines, options, learnt, index == taken, width)
        nodes.append(node.moved(0, y))
        y += node.height + STATE_GAP
    height = y - STATE_GAP
    heading = [(shortened(name, LABEL_MOST, 13, True), "text")]
    if len(shapes) == 1:
        (shape,) = shapes
        heading.append((dims(shape) or "vector", "faint"))
    # A heading may reach into the gaps beside its column.
    room = max(text_width(text, 10.5 if i else 13, not i) for i, (text, _) in enumerate(heading)) - HEADING_REACH
    aside = max(0.0, (room - width) / 2)
    return _Column(tuple(node.moved(aside, -height / 2) for node in nodes), width + 2 * aside, height, tuple(heading))


def _own_shape(state: PlanState) -> Shape:
    """What leaves a stage, before the lines that other stages put inside it."""
    return next((piece.input for piece in state.pieces if piece.place), state.shape)


def _state_lines(state: State, planned: PlanState, with_shape: bool) -> tuple[str, ...]:
    """What stands in a box: the channels, or every choice that was made to get there."""
    keys = [part.partition("=")[0].rpartition(".")[2] for part in state.label.split(",")] if state.label else []
    if not keys:
        lines = [str(_own_shape(planned)[0])]
    elif keys == ["channels"]:
        lines = [str(planned.head_shape[0])]
    else:
        lines = [shortened(part, LABEL_MOST, 13, True) for part in state.label.split(",")]
    if with_shape:
        lines.append(dims(_own_shape(planned)))
    return tuple(lines)


def _box(
    name: str,
    stage: Stage,
    state: State,
    planned: PlanState,
    lines: tuple[str, ...],
    options: Mapping[str, str],
    learnt: Learnt | None,
    taken: bool,
    width: float,
) -> NodeBox:
    texts = [
        Text(
            width / 2,
            19 + 15 * i,
            line,
            "faint" if i and "=" not in line else "text",
            13 if i == 0 else 10.5,
            bold=not i,
        )
        for i, line in enumerate(lines)
    ]
    head = 12 + 15 * len(lines)
    rects: list[Rect] = []
    edges = frozenset(edge.choice for edge in state.edges)
    for start in range(0, len(state.mixtures), CELLS):
        row = state.mixtures[start : start + CELLS]
        x = width / 2 - (len(row) * (BAR + BAR_GAP) - BAR_GAP) / 2
        y = head + 4 + (start // CELLS) * (BAR_HEIGHT + 16)
        for mixture in row:
            counts = taken and learnt is not None and any(holds(p, learnt.choices, edges) for p in mixture.places)
            rects += _bar(mixture, x, y, options, learnt, counts)
            x += BAR + BAR_GAP
    rows = -(-len(state.mixtures) // CELLS)
    height = head + 3 + (rows * (BAR_HEIGHT + 16) - 12 + (8 if taken else 0) if rows else 0)
    tip = f"{stage.name} {state.label}".strip() + f": {dims(_own_shape(planned))}"
    if state.mixtures:
        tip += f", {len(state.mixtures)} layers to choose"
    return NodeBox(name, 0, 0, width, height, "state", tuple(texts), tuple(rects), tip, stage.name, taken)


def _bar(
    mixture: Mixture, x: float, y: float, options: Mapping[str, str], learnt: Learnt | None, counts: bool
) -> list[Rect]:
    """A layer: its options from the top, as high as they are probable; below, what was taken."""
    equal = [1 / len(mixture.options)] * len(mixture.options)
    weights = learnt.mixture_weights[mixture.name] if learnt else equal
    said = ", ".join(
        option if learnt is None else f"{option} {weight:.3f}"
        for option, weight in zip(mixture.options, weights, strict=True)
    )
    tip = f"{mixture.choice}: {said}"
    rects = []
    others = sum(w for option, w in zip(mixture.options, weights, strict=True) if options[option] == OTHER)
    parts = [(options[o], w) for o, w in zip(mixture.options, weights, strict=True) if options[o] != OTHER]
    for role, weight in (*parts, (OTHER, others)):
        height = BAR_HEIGHT * weight
        if height > 0:
            rects.append(Rect(x, y, BAR, height, role, tip))
        y += height
    chosen = learnt.choices.get(mixture.choice) if learnt and counts else None
    if chosen is not None:
        rects.append(Rect(x, y + 3, BAR, 6, options[chosen], f"{mixture.choice}: {chosen} is taken"))
    return rects


# ---------------------------------------------------------------------- rows


def _rows(
    columns: Sequence[_Column], edges: Mapping[int, list[Edge]], top: float
) -> tuple[list[NodeBox], list[Text], list[Joined], float, float]:
    """Columns put side by side in rows; a row begins with the last column of the one before, as ghosts."""
    nodes: list[NodeBox] = []
    texts: list[Text] = []
    drawn: list[Joined] = []
    widest = 0.0
    gaps = [_gap(a, b) for a, b in itertools.pairwise(columns)]
    for members in rows_of([column.width for column in columns], gaps, MOST_WIDTH - 2 * MARGIN, repeat=True):
        first = members[0]
        begin = max(first - 1, 0)
        row = columns[begin : members[-1] + 1]
        middle = top + HEADER + max(column.height for column in row) / 2
        x = float(MARGIN)
        before: dict[str, NodeBox] = {}
        for number, column in enumerate(row, start=begin):
            ghost = number < first
            placed = {node.id: replace(node.moved(x, middle), ghost=ghost) for node in column.nodes}
            if ghost:  # what was shown above is not shown again
                placed = {name: replace(node, rects=()) for name, node in placed.items()}
            for line, (text, role) in enumerate(column.heading):
                size = 10.5 if line else 13
                said = f"{text} again" if ghost and not line else text
                texts.append(
                    Text(
                        x + column.width / 2,
                        top + 10 + 15 * line,
                        said,
                        "faint" if ghost else role,
                        size,
                        bold=not line,
                    )
                )
            if before and not ghost:
                drawn.append(joined(edges[number], before, placed, middle))
                texts += drawn[-1].texts
            nodes += placed.values()
            before = placed
            x += column.width + (gaps[number] if number < len(gaps) else 0)
        widest = max(widest, max(node.right for node in before.values()))
        top = middle + max(column.height for column in row) / 2 + 30
    return nodes, texts, drawn, widest, top - 30


def _gap(left: _Column, right: _Column) -> float:
    """More room where more lines cross."""
    crowd = len(left.nodes) * len(right.nodes)
    return COLUMN_GAP + min(40, 2 * (crowd - 1)) if crowd > 1 else COLUMN_GAP - 22


# --------------------------------------------------------------------- words


def _title(space: Space, learnt: Learnt | None) -> str:
    low, high = space.macs
    run = f", searched in {learnt.source}" if learnt else ""
    assert space.size is not None  # real choices have no trellis
    return f"{space.name}: {count_words(space.size)} networks, {short(low)} to {short(high)} MACs{run}"


def _description(space: Space, trellis: Trellis, learnt: Learnt | None) -> str:
    parts = [f"The space {space.name} as a trellis of {len(trellis.stages)} stages."]
    for number, stage in enumerate(trellis.stages):
        names = ", ".join(state.label or "one candidate" for state in stage.states)
        layers = max(len(state.mixtures) for state in stage.states)
        taken = f"; taken: {stage.states[learnt.path[number]].label or 'it'}" if learnt else ""
        parts.append(f"{stage.name}: {names}{f'; {layers} layers to choose' if layers else ''}{taken}.")
    return " ".join(parts)
