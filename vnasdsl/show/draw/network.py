"""A network or space as a picture: its stages as frames, and below them each block that they use, opened.

Of a space everything that can be chosen is shown; shapes and costs are those with the last option of each choice
between numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vnasdsl.elaborate.inputs import OpenInput
from vnasdsl.elaborate.space import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers.base import show_value
from vnasdsl.network.graph import NetworkGraph
from vnasdsl.network.nodes import Part, many
from vnasdsl.show.draw.picture import SERIES, Edge, NodeBox, Picture, Text, dims, rows_of, text_width, wrapped
from vnasdsl.show.draw.place import SMALL, Placed, logical_edges, place
from vnasdsl.show.draw.regions import Box, Region, RegionReader, Thing, boxes, nodes_of
from vnasdsl.show.draw.texts import options_text, text_of
from vnasdsl.show.numbers import amount, count_words
from vnasdsl.space.counting import CannotCountError
from vnasdsl.space.elements import Group, LayerChoice

MARGIN, MOST_WIDTH = 28, 1360
MOST_BOXES, MOST_LINES, OFTEN = 600, 28, 3
"""Boxes in a picture; lines of text in a block, of which more is closed where there are more; uses of one block in
another that make it one to be drawn by itself."""
BLOCK_GAP = 48


def network_picture(space: Space, layers: bool = False) -> Picture:
    """layers: every layer, with all blocks opened. Raises: VnsError when a shape does not fit; UserError for too many
    boxes."""
    graph = space.outline
    reader = RegionReader(graph, 99 if layers else -1, copies=layers and space.kind == "network")
    stages = _stages(space, graph, reader)
    shown = [box for stage in stages for box in boxes([stage.region])]
    if len(shown) > MOST_BOXES:
        raise UserError(
            f"`{space.name}` has {len(shown)} boxes to draw, at most {MOST_BOXES} fit in a picture",
            "draw it without --layers, or a smaller space",
        )
    if not layers:
        _coloured(stages)
    sheet = _Sheet(space)
    for stage in stages:
        sheet.tell(stage.name, stage.region)
    sheet.whole(Region("all", "", _framed(stages, graph, space.kind), (graph.output,)))
    if not layers:
        sheet.blocks(list(_blocks(graph, shown)))
    return sheet.picture()


# ------------------------------------------------------------------- what is drawn


@dataclass(frozen=True)
class Stage:
    """A stage, or (without a name) lines outside of stages."""

    name: str
    region: Region
    keys: tuple[str, ...]
    """All its nodes, also those of copies that are not drawn."""


def _stages(space: Space, graph: NetworkGraph, reader: RegionReader) -> list[Stage]:
    """The name and region of each stage, and of the lines between stages; the first begins with the input."""
    found: list[Stage] = []
    for section in graph.sections:
        things = reader.body(section.body)
        if things:
            region = Region(f"stage{len(found)}", section.name, things, many(section.body.value))
            found.append(Stage(section.name, region, tuple(nodes_of(section.body))))
    entries: list[Thing] = [
        Box(one.given.name, _input_texts(one), (), (one.given.name,), one.given.name, "io") for one in space.inputs.each
    ]
    if not found:
        return [Stage("", Region("stage0", "", entries, (space.input.name,)), ())]
    found[0].region.things[:0] = entries
    return found


def _input_texts(one: OpenInput) -> list[str]:
    """`3 × 16 × 224 × 224`, or what is searched of it parameter by parameter."""
    if not one.choices:
        return [dims(one.given.shape)]
    always = ("frames", "bins" if one.given.bins else "size")
    names = (*always, *(name for name in ("channels", "frame_stride", "segments") if len(one.options(name)) > 1))
    return [f"{name}: {options_text([show_value(n) for n in one.options(name)])}" for name in names]


def _framed(stages: list[Stage], graph: NetworkGraph, kind: str) -> list[Thing]:
    """Each stage in a frame that says its name, its shape, and of a network its costs."""
    things: list[Thing] = []
    for stage in stages:
        if not stage.name:
            things += stage.region.things
            continue
        facts = (
            [stage.name, dims(graph.node(stage.region.ends[0]).shape)] if len(stage.region.ends) == 1 else [stage.name]
        )
        found = [graph.node(key) for key in set(stage.keys) & graph.live] if kind == "network" else []
        macs, params = sum(node.macs for node in found), sum(node.params for node in found)
        facts += [f"{amount(macs)} MACs ({100 * macs / graph.macs:.1f} %)"] if macs else []
        facts += [f"{amount(params)} parameters"] if params else []
        stage.region.title = " · ".join(filter(None, facts))
        things.append(stage.region)
    return things


def _coloured(stages: list[Stage]) -> None:
    """A colour for every text that comes more than once in a stage."""
    repeated: dict[str, None] = {}
    everything = [list(boxes([stage.region])) for stage in stages]
    for found in everything:
        counted = Counter(_said(box) for box in found if box.role == "layer")
        repeated.update(dict.fromkeys(text for text, count in counted.items() if count > 1))
    colours = {text: f"series{i % SERIES}" for i, text in enumerate(sorted(repeated))}
    for found in everything:
        for box in found:
            box.colour = colours.get(_said(box), "")


def _said(box: Box) -> str:
    return "\n".join(box.texts)


def _blocks(graph: NetworkGraph, shown: list[Box]) -> Iterator[tuple[str, str, Region]]:
    """Each block in the boxes, and in what these blocks consist of: its call, other calls that look alike, and the
    region. Uses of the same structure are drawn once."""
    found: dict[object, tuple[str, list[str], Region]] = {}
    todo = [use for box in shown for use in _uses(box)]
    while todo:
        use = todo.pop(0)
        inner = use
        text = text_of(use.element)
        while (following := _handed_on(inner)) is not None:
            text += f" = {text_of(inner.items[0].element)}"
            inner = following
        assert isinstance(inner.element, Group)
        key = (inner.element.block, tuple(graph.node(name).operation for name in nodes_of(inner)))
        if key in found:
            call = text.partition(" = ")[0]
            if call not in (found[key][0].partition(" = ")[0], *found[key][1]):
                found[key][1].append(call)
            continue
        region = _opened(graph, inner)
        found[key] = (text, [], region)
        todo += [more for box in boxes([region]) for more in _uses(box)]
    for text, also, region in found.values():
        if region.things:
            yield text, f"also {', '.join(also)}" if also else "", region


def _handed_on(use: Part) -> Part | None:
    """The block that is all there is in a block."""
    inner = use
    while len(inner.items) == 1 and inner.out is None:
        (inner,) = inner.items
        if isinstance(inner.element, Group) and inner.element.block is not None:
            return inner
        if not isinstance(inner.element, LayerChoice) or inner.element.key == "op":
            return None
    return None


def _uses(box: Box) -> Iterator[Part]:
    """The outermost uses of blocks in a box."""
    todo = list(reversed(box.parts))
    while todo:
        part = todo.pop()
        if isinstance(part.element, Group) and part.element.block is not None:
            yield part
        else:
            todo += reversed(list(part.children))


def _opened(graph: NetworkGraph, use: Part) -> Region:
    """A use of a block, with the blocks in it opened as far as there is room; what comes often is closed first."""
    inner = {id(part): part.element for part in use.walk() if part is not use}.values()
    calls = Counter(text_of(element) for element in inner if isinstance(element, Group) and element.call is not None)
    often = frozenset(text for text, count in calls.items() if count >= OFTEN)
    for depth, closed in [(9, frozenset[str]()), *((depth, often) for depth in (9, 3, 2, 1, 0, -1))]:
        things = RegionReader(graph, depth, closed=closed).body(use)
        if sum(len(box.texts) for box in boxes(things)) <= MOST_LINES:
            break
    return Region("block", "", things, many(use.value))


# ------------------------------------------------------------------------ the sheet


class _Sheet:
    """Collects what is drawn from the top down."""

    def __init__(self, space: Space):
        self.space = space
        self.title = _title(space)
        self.nodes: list[NodeBox] = []
        self.frames: list[NodeBox] = []
        self.edges: list[Edge] = []
        self.lines: list[Edge] = []
        self.hidden: list[Edge] = []
        self.texts = [Text(MARGIN, MARGIN + 6, self.title, size=16, anchor="start", bold=True)]
        self.said: list[str] = []
        self.y = MARGIN + 34.0
        self.width = text_width(self.title, 16, True)

    def put(self, placed: Placed, x: float, y: float) -> Placed:
        put = placed.moved(x, y)
        self.nodes += put.nodes
        self.frames += put.frames
        known = {node.id for node in put.nodes}
        for edge in put.edges:
            if edge.source in known and edge.target in known:
                self.edges.append(edge)
            else:
                self.lines.append(replace(edge, source="", target=""))
        self.width = max(self.width, x - MARGIN + placed.width)
        return put

    def logic(self, region: Region, prefix: str = "") -> None:
        drawn = {(edge.source, edge.target) for edge in self.edges}
        pairs = [pair for pair in logical_edges(region, prefix) if pair not in drawn]
        self.hidden += [Edge(source, target, ()) for source, target in pairs]

    def whole(self, region: Region) -> None:
        placed = place(region, MOST_WIDTH - 2 * MARGIN, end=False)
        self.put(placed, MARGIN, self.y)
        self.logic(region)
        self.y += placed.height + MARGIN

    def blocks(self, found: list[tuple[str, str, Region]]) -> None:
        """Blocks side by side, each with its title above it."""
        room = MOST_WIDTH - 2 * MARGIN
        placed = [place(region, room, title, f"block{i}.") for i, (title, _, region) in enumerate(found)]
        heads, widths = [], []
        for one, (title, also, _) in zip(placed, found, strict=True):
            wide = max(one.width, 300)
            lines = [Text(0, 0, line, size=12, anchor="start", bold=True) for line in wrapped(title, wide, 13, 6)]
            lines += [Text(0, 0, line, "faint", SMALL, "start") for line in wrapped(also, wide, SMALL, 3) if line]
            heads.append(lines)
            widths.append(max([one.width, *(text_width(t.content, t.size, t.bold) for t in lines)]))
        for row in rows_of(widths, [BLOCK_GAP] * (len(widths) - 1), room):
            x = float(MARGIN)
            below = self.y + 15.0 * max(len(heads[i]) for i in row) + 6
            for i in row:
                title, _, region = found[i]
                start = below - 6 - 15 * len(heads[i])
                self.texts += [replace(t, x=x, y=start + 12 + 15 * n) for n, t in enumerate(heads[i])]
                self.put(placed[i], x, below)
                self.logic(region, f"block{i}.")
                self.tell(title, region)
                x += widths[i] + BLOCK_GAP
            self.width = max(self.width, x - BLOCK_GAP - MARGIN)
            self.y = below + max(placed[i].height for i in row) + MARGIN

    def tell(self, name: str, region: Region) -> None:
        said = ", ".join(" ".join(filter(None, [box.title, *box.texts])) for box in boxes([region]))
        self.said.append(f"{name}: {said}." if name else f"{said}.")

    def picture(self) -> Picture:
        if self.space.kind == "space":
            note = "shapes and MACs: with the last option of each choice between numbers"
            self.texts.append(Text(MARGIN, self.y, note, "faint", 11, "start"))
            self.width = max(self.width, text_width(note, 11))
            self.y += MARGIN - 6
        return Picture(
            self.space.name,
            self.title,
            " ".join([f"The {self.space.kind} {self.space.name}.", *self.said]),
            self.width + 2 * MARGIN,
            self.y,
            tuple(self.nodes),
            tuple(self.edges),
            tuple(self.texts),
            (),
            tuple(self.lines),
            tuple(self.hidden),
            tuple(self.frames),
        )


def _title(space: Space) -> str:
    if space.kind == "network":
        claim = f", in {space.claim.name}" if space.claim else ""
        totals = space.graph.totals
        return f"{space.name}{claim}: {amount(totals.macs)} MACs per clip, {amount(totals.params)} parameters"
    try:
        return f"{space.name}: {count_words(space.size)} networks"
    except CannotCountError:
        return space.name
