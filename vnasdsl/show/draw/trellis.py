"""The trellis of a space as a picture: stages as columns, candidates as boxes, the layers of each as small bars.

With what a search learnt the lines are as strong as their path weights (Zhou et al. 2021, Eq. 1), the bars show the
weights of the operations (Eq. 2), and the most probable path (Viterbi) is marked.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vnasdsl.elaborate.space import Space
from vnasdsl.layers.base import Shape
from vnasdsl.relax.plan import PlanStage, PlanState
from vnasdsl.relax.trellis import Mixture, Stage, State, Trellis, holds, trellis_of
from vnasdsl.show.draw.picture import (
    SERIES,
    Edge,
    NodeBox,
    Picture,
    Rect,
    Text,
    dims,
    rows_of,
    shortened,
    straight,
    swing,
    text_width,
)
from vnasdsl.show.draw.texts import text_of
from vnasdsl.show.numbers import count_words, short


@dataclass(frozen=True)
class Learnt:
    """What a search has learnt, in plain numbers."""

    source: str
    """The run, as it is named in the picture; empty in the folder of the run."""
    path_weights: Mapping[str, Sequence[Sequence[float]]]
    """By stage: a row per candidate of the stage before, a column per candidate."""
    mixture_weights: Mapping[str, Sequence[float]]
    path: tuple[int, ...]
    """The most probable path: the index of the candidate in every stage."""
    choices: Mapping[str, str]
    """What was taken in every choice."""


MARGIN = 28
SKIP = "skip"
OTHER = "other"
"""The colour of the options for which no colour is left."""


@dataclass(frozen=True)
class Legend:
    texts: tuple[Text, ...]
    rects: tuple[Rect, ...]
    lines: tuple[Edge, ...]
    bottom: float


def roles(trellis: Trellis, learnt: Learnt | None) -> dict[str, str]:
    """The role of every option of a layer, in the order of the file; leaving a layer out is grey.

    No two options share a colour. Where there are more than colours, those have one that weigh most (without what a
    search has learnt: that stand in most layers, the first of them in the file), and all others are `other`.
    """
    weight: Counter[str] = Counter()
    states: Iterable[State] = (state for stage in trellis.stages for state in stage.states)
    for mixture in (mixture for state in states for mixture in state.mixtures):
        shares = learnt.mixture_weights[mixture.name] if learnt else [1.0] * len(mixture.options)
        for option, share in zip(mixture.options, shares, strict=True):
            weight[option] += share  # type: ignore[assignment]
    named = [option for option in weight if option != SKIP]
    if len(named) > SERIES:
        most = sorted(named, key=lambda option: -weight[option])[: SERIES - 1]
        named = [option for option in named if option in most]
    colours = {option: f"series{i}" for i, option in enumerate(named)}
    return {option: SKIP if option == SKIP else colours.get(option, OTHER) for option in weight}


def legend(options: Mapping[str, str], learnt: Learnt | None, top: float, room: float) -> Legend:
    """What the colours and lines are."""
    texts: list[Text] = []
    rects: list[Rect] = []
    lines: list[Edge] = []
    x, y = float(MARGIN), top

    def put(text: str, swatch: float) -> float:
        """Room for a swatch and its text; a new line where there is none."""
        nonlocal x, y
        before = swatch + 6 if swatch else 0
        need = before + text_width(text, 11) + 20
        if x > MARGIN and x + need > room:
            x, y = float(MARGIN), y + 20
        texts.append(Text(x + before, y + 4, text, "text", 11, "start"))
        x += need
        return x - need

    def colour(text: str, role: str) -> None:
        left = put(text, 10)
        rects.append(Rect(left, y - 5, 10, 10, role, radius=2))

    for option, role in options.items():
        if role != OTHER:
            colour(shortened(option, 240, 11), role)
    others = sum(role == OTHER for role in options.values())
    if others:
        colour(f"{others} other options in one colour, which a bar names where the pointer rests on it", OTHER)
    if options:
        more = ": how probable its options are; below it what is taken" if learnt else ", its colours what it may be"
        put(f"a bar is a layer{more}", 0)
    put("number in a box: channels; under a stage: frames × rows × columns", 0)
    if learnt:
        left = put("most probable path (Viterbi)", 26)
        lines.append(Edge("", "", straight((left, y), (left + 26, y)), 3.5, 0.5, True))
        left = put("width of a line: probability of the next candidate", 26)
        lines.append(Edge("", "", straight((left, y), (left + 26, y)), 3.5, 0.5))
    return Legend(tuple(texts), tuple(rects), tuple(lines), y + MARGIN)


MOST_WIDTH = 1360
"""Of a row of columns; further ones go to the next row."""
BAR, BAR_GAP, BAR_HEIGHT = 8, 2, 30
CELLS = 12
"""Bars side by side in a box."""
STATE_GAP, COLUMN_GAP = 14, 58
THIN, THICK = 0.6, 7.0
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
    drawer = _Drawer(options, learnt)
    columns = [_ends("in", (space.input.name, dims(space.input.shape)), learnt is not None)]
    for number, (stage, planned) in enumerate(zip(trellis.stages, plan.stages, strict=True)):
        heading = stage.name if number or space.segments[0].name else NO_STAGE
        columns.append(drawer.column(number, stage, planned, heading))
    last = space.segments[-1]
    alone = len(space.segments) == 1  # no stage follows these lines: they are the only column
    tail = [] if last.name or alone else [shortened(text_of(item), LABEL_MOST, 10.5) for item in last.body.items]
    columns.append(_ends("out", (f"{space.input.classes} classes", *tail), learnt is not None))

    nodes, texts, lines, width, bottom = _rows(columns, trellis, learnt, top=MARGIN + 36)
    below = legend(options, learnt, bottom + 26, max(width, 760))
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
        tuple(lines),
        (*texts, *below.texts),
        below.rects,
        below.lines,
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


@dataclass(frozen=True)
class _Drawer:
    """Draws stages with the colours of the options and what was learnt."""

    options: Mapping[str, str]
    learnt: Learnt | None

    def column(self, number: int, stage: Stage, planned: PlanStage, name: str) -> _Column:
        shapes = {_own_shape(state)[1:] for state in planned.states}
        states = list(zip(stage.states, planned.states, strict=True))
        names = [_state_lines(state, plan, len(shapes) > 1) for state, plan in states]
        cells = max(min(len(state.mixtures), CELLS) for state in stage.states)
        label = max(text_width(line, 10.5 if i else 13, not i) for lines in names for i, line in enumerate(lines))
        width = max(label + 20, cells * (BAR + BAR_GAP) + 18, 46)
        nodes: list[NodeBox] = []
        y = 0.0
        for index, ((state, plan), lines) in enumerate(zip(states, names, strict=True)):
            taken = self.learnt is not None and self.learnt.path[number] == index
            tip = f"{stage.name} {state.label}".strip() + f": {dims(_own_shape(plan))}"
            nodes.append(self.box(f"{number}.{index}", stage.name, state, lines, tip, taken, width).moved(0, y))
            y = nodes[-1].bottom + STATE_GAP
        height = y - STATE_GAP
        heading = [(shortened(name, LABEL_MOST, 13, True), "text")]
        if len(shapes) == 1:
            heading.append((dims(*shapes) or "vector", "faint"))
        # A heading may reach into the gaps beside its column.
        room = max(text_width(text, 10.5 if i else 13, not i) for i, (text, _) in enumerate(heading)) - HEADING_REACH
        aside = max(0.0, (room - width) / 2)
        placed = tuple(node.moved(aside, -height / 2) for node in nodes)
        return _Column(placed, width + 2 * aside, height, tuple(heading))

    def box(
        self, name: str, stage: str, state: State, lines: Sequence[str], tip: str, taken: bool, width: float
    ) -> NodeBox:
        texts = []
        for i, line in enumerate(lines):
            role = "faint" if i and "=" not in line else "text"
            texts.append(Text(width / 2, 19 + 15 * i, line, role, 10.5 if i else 13, bold=not i))
        height = 15 + 15 * len(lines)
        rects: list[Rect] = []
        edges = frozenset(edge.choice for edge in state.edges)
        for start in range(0, len(state.mixtures), CELLS):
            row = state.mixtures[start : start + CELLS]
            x = width / 2 - (len(row) * (BAR + BAR_GAP) - BAR_GAP) / 2
            for mixture in row:
                chosen = None
                if taken and self.learnt and any(holds(p, self.learnt.choices, edges) for p in mixture.places):
                    chosen = self.learnt.choices.get(mixture.choice)
                rects += self.bar(mixture, x, height + 1, chosen)
                x += BAR + BAR_GAP
            height += BAR_HEIGHT + 16
        if state.mixtures:
            height -= 4 if taken else 12
            tip += f", {len(state.mixtures)} layers to choose"
        return NodeBox(name, 0, 0, width, height, "state", tuple(texts), tuple(rects), tip, stage, taken)

    def bar(self, mixture: Mixture, x: float, y: float, chosen: str | None) -> list[Rect]:
        """A layer: its options from the top, as high as they are probable; below, what was taken."""
        learnt = self.learnt
        weights = learnt.mixture_weights[mixture.name] if learnt else [1 / len(mixture.options)] * len(mixture.options)
        weighted = list(zip(mixture.options, weights, strict=True))
        said = ", ".join(f"{option} {weight:.3f}" if learnt else option for option, weight in weighted)
        rects = []
        others = sum(weight for option, weight in weighted if self.options[option] == OTHER)
        parts = [(self.options[option], weight) for option, weight in weighted if self.options[option] != OTHER]
        for role, weight in (*parts, (OTHER, others)):
            height = BAR_HEIGHT * weight
            if height > 0:
                rects.append(Rect(x, y, BAR, height, role, f"{mixture.choice}: {said}"))
            y += height
        if chosen is not None:
            rects.append(Rect(x, y + 3, BAR, 6, self.options[chosen], f"{mixture.choice}: {chosen} is taken"))
        return rects


# ---------------------------------------------------------------------- rows


def _rows(
    columns: Sequence[_Column], trellis: Trellis, learnt: Learnt | None, top: float
) -> tuple[list[NodeBox], list[Text], list[Edge], float, float]:
    """Columns put side by side in rows; a row begins with the last column of the one before, as ghosts."""
    nodes: list[NodeBox] = []
    texts: list[Text] = []
    drawn: list[Edge] = []
    widest = 0.0
    gaps = [_gap(a, b) for a, b in itertools.pairwise(columns)]
    for members in rows_of([column.width for column in columns], gaps, MOST_WIDTH - 2 * MARGIN, repeat=True):
        first = members[0]
        begin = max(first - 1, 0)
        row = columns[begin : members[-1] + 1]
        middle = top + HEADER + max(column.height for column in row) / 2
        x = float(MARGIN)
        before: list[NodeBox] = []
        for number, column in enumerate(row, start=begin):
            ghost = number < first
            placed = [replace(node.moved(x, middle), ghost=ghost) for node in column.nodes]
            if ghost:  # what was shown above is not shown again
                placed = [replace(node, rects=()) for node in placed]
            for line, (text, role) in enumerate(column.heading):
                said = f"{text} again" if ghost and not line else text
                center, y, colour = x + column.width / 2, top + 10 + 15 * line, "faint" if ghost else role
                texts.append(Text(center, y, said, colour, 10.5 if line else 13, bold=not line))
            if before and not ghost:
                drawn += _lines(number, before, placed, trellis, learnt)
            nodes += placed
            before = placed
            x += column.width + (gaps[number] if number < len(gaps) else 0)
        widest = max(widest, max(node.right for node in before))
        top = middle + max(column.height for column in row) / 2 + 30
    return nodes, texts, drawn, widest, top - 30


def _lines(
    number: int, before: Sequence[NodeBox], after: Sequence[NodeBox], trellis: Trellis, learnt: Learnt | None
) -> Iterator[Edge]:
    """The lines from the boxes of a column to those of the next, which has a number."""
    stage = trellis.stages[number - 1] if number <= len(trellis.stages) else None
    weights = learnt.path_weights[stage.name] if learnt and stage else None
    taken = (0, *learnt.path, 0)[number - 1 : number + 1] if learnt else ()
    for i, source in enumerate(before):
        for j, target in enumerate(after):
            weight = weights[i][j] if weights is not None else None
            marked = taken == (i, j)
            width = (2.5 if marked else 1.1) if weight is None else THIN + (THICK - THIN) * weight
            names = " → ".join(node.tip.partition(":")[0] for node in (source, target))
            tip = names if weight is None else f"{names}: {weight:.4f}"
            points = swing((source.right, source.middle), (target.x, target.middle))
            yield Edge(source.id, target.id, points, width, weight, marked, tip=tip)


def _gap(left: _Column, right: _Column) -> float:
    """More room where more lines cross."""
    crowd = len(left.nodes) * len(right.nodes)
    return COLUMN_GAP + min(40, 2 * (crowd - 1)) if crowd > 1 else COLUMN_GAP - 22


# --------------------------------------------------------------------- words


def _title(space: Space, learnt: Learnt | None) -> str:
    low, high = space.macs
    run = f", searched in {learnt.source}" if learnt and learnt.source else ""
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
