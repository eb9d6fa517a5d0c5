"""Places for boxes and regions: every region is laid out by itself, then stands as one box in the region around it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx

from vnasdsl.show.draw.layered import wrapped_layers
from vnasdsl.show.draw.picture import Edge, NodeBox, Point, Rect, Text, dims, moved, straight, text_width, wrapped
from vnasdsl.show.draw.regions import IN, OUT, Box, Region, Thing, boxes, edges
from vnasdsl.show.numbers import amount

MOST_BOX = 300
MOST_LINES = 12
"""Of one text in a box; a longer one is cut, and in full where the pointer rests on the box."""
PAD, HEAD = 12.0, 20.0
SMALL, MEDIUM = 10.5, 11.5


@dataclass(frozen=True)
class Placed:
    """A region with its left upper corner at (0, 0)."""

    width: float
    height: float
    entry: Point = (0.0, 0.0)
    """Where arrows into it come in."""
    end: Point = (0.0, 0.0)
    """Where what it gives goes out."""
    nodes: tuple[NodeBox, ...] = ()
    frames: tuple[NodeBox, ...] = ()
    edges: tuple[Edge, ...] = ()

    def moved(self, dx: float, dy: float) -> Placed:
        entry, end = moved((self.entry, self.end), dx, dy)
        nodes, frames = (tuple(box.moved(dx, dy) for box in found) for found in (self.nodes, self.frames))
        edges = tuple(replace(edge, points=moved(edge.points, dx, dy)) for edge in self.edges)
        return Placed(self.width, self.height, entry, end, nodes, frames, edges)


def place(region: Region, room: float, group: str = "", prefix: str = "", end: bool = True) -> Placed:
    """Boxes, frames and arrows of a region.

    room: the width to keep to where that can be; group: what its boxes belong to, by default the frame around them;
    prefix: what their ids begin with; end: whether arrows lead from the last boxes to the right side.
    """
    inner = {thing.id: _placed(thing, room - 2 * PAD, group, prefix) for thing in region.things}
    pairs = [pair for pair in edges(region) if end or pair[1] != OUT]
    sizes = {name: (one.width, one.height) for name, one in inner.items()}
    points = {name: (0.0, 0.0) for name in (IN, OUT) if any(name in pair for pair in pairs)}
    sizes = {**({IN: points[IN]} if IN in points else {}), **sizes, **({OUT: points[OUT]} if OUT in points else {})}
    frames = {thing.id for thing in region.things if isinstance(thing, Region)}
    ports = {name: (inner[name].entry[1], inner[name].end[1]) for name in frames}
    found = wrapped_layers(sizes, pairs, room, (IN, OUT), ports)
    nodes: list[NodeBox] = []
    outlines: list[NodeBox] = []
    lines: list[Edge] = []
    for name, one in inner.items():
        put = one.moved(*found.boxes[name])
        nodes += put.nodes
        outlines += put.frames
        lines += put.edges
    for (source, target), curve in found.curves.items():
        ids = [f"{prefix}{name}" if name not in (IN, OUT) else "" for name in (source, target)]
        arrow = target != OUT and target not in frames
        lines.append(Edge(ids[0], ids[1], curve, 1.3, arrow=arrow, tip=_between(region, source, target)))
    entry = found.boxes.get(IN, (0.0, found.height / 2))
    last = next((source for source, target in edges(region) if target == OUT and source != IN), "")
    x, y = found.boxes[last] if last else entry
    final = found.boxes.get(OUT, (x + inner[last].width, y + inner[last].end[1]) if last else entry)
    return Placed(found.width, found.height, entry, final, tuple(nodes), tuple(outlines), tuple(lines))


def _between(region: Region, source: str, target: str) -> str:
    names = {thing.id: _name(thing) for thing in region.things}
    return f"{names[source]} → {names[target]}" if source in names and target in names else ""


def _name(thing: Thing) -> str:
    return thing.title or (thing.texts[0] if isinstance(thing, Box) else "")


def _placed(thing: Thing, room: float, group: str, prefix: str) -> Placed:
    if isinstance(thing, Box):
        node = box_node(thing, group, prefix)
        middle = node.height / 2
        return Placed(node.width, node.height, (0, middle), (node.width, middle), (node,))
    group = group or thing.title
    inner = place(thing, min(room, thing.room), group, prefix)
    head = HEAD if thing.title else PAD
    width = max(inner.width + 2 * PAD, text_width(thing.title, SMALL, True) + 2 * PAD)
    side = (width - inner.width) / 2
    height = inner.height + 2 * head  # so that a line through the middle stays straight
    put = inner.moved(side, head)
    title = (Text(PAD, 14, thing.title, "faint", SMALL, "start", True),) if thing.title else ()
    frame = NodeBox(f"{prefix}{thing.id}", 0, 0, width, height, "region", title, tip=thing.title, group=group)
    entry, end = (0.0, put.entry[1]), (width, put.end[1])
    left, right = Edge("", "", straight(entry, put.entry), 1.3), Edge("", "", straight(put.end, end), 1.3)
    return Placed(width, height, entry, end, put.nodes, (frame, *put.frames), (*put.edges, left, right))


def box_node(box: Box, group: str = "", prefix: str = "") -> NodeBox:
    """A box with its texts, at (0, 0)."""
    lines: list[tuple[str, str, float, bool]] = []
    if box.title:
        lines += [(line, "text", MEDIUM, True) for line in wrapped(box.title, MOST_BOX, MEDIUM / 0.95, 2)]
    for text in box.texts:
        lines += [(line, "text", SMALL, False) for line in wrapped(text, MOST_BOX, SMALL, MOST_LINES)]
    if foot := foot_of(box):
        lines.append((foot, "faint", 10, False))
    stripe = 6 if box.colour else 0
    width = max([30.0, *(text_width(line, size, bold) + 20 for line, _, size, bold in lines)]) + stripe
    height = 11 + 15.0 * len(lines)
    texts = tuple(
        Text((width + stripe) / 2, 17.5 + 15 * i, line, role, size, bold=bold)
        for i, (line, role, size, bold) in enumerate(lines)
    )
    rects = (Rect(5, 5, 5, height - 10, box.colour, radius=2),) if box.colour else ()
    facts = [dims(box.shape)] if box.shape else []
    said = ", ".join([": ".join(filter(None, [box.title, "; ".join(box.texts)])), *facts])
    tip = f"{said}, {box.macs} MACs, {box.params} parameters" if box.shape else said
    return NodeBox(f"{prefix}{box.id}", 0, 0, width, height, box.role, texts, rects, tip, group)


def foot_of(box: Box) -> str:
    """The shape where it changes, and MACs."""
    shape = [dims(box.shape)] if box.changed and box.shape else []
    return " · ".join([*shape, *([f"{amount(box.macs)} MACs"] if box.macs else [])])


def logical_edges(region: Region, prefix: str = "") -> list[tuple[str, str]]:
    """What leads from box to box, through all frames: for formats that have no places."""
    graph = networkx.DiGraph()
    points: list[str] = []

    def add(one: Region, around: str) -> None:
        names = {point: (f"{around}{point}",) * 2 for point in (IN, OUT)}
        for thing in one.things:
            inner = (f"{thing.id}{IN}", f"{thing.id}{OUT}")
            names[thing.id] = (f"{prefix}{thing.id}",) * 2 if isinstance(thing, Box) else inner
        points.extend([names[IN][0], names[OUT][0]])
        graph.add_edges_from((names[source][1], names[target][0]) for source, target in edges(one))
        for thing in one.things:
            if isinstance(thing, Region):
                add(thing, thing.id)

    add(region, "")
    for point in points:
        if point in graph:
            through = [(a, b) for a in graph.predecessors(point) for b in graph.successors(point)]
            graph.add_edges_from(through)
            graph.remove_node(point)
    order = {f"{prefix}{box.id}": i for i, box in enumerate(boxes([region]))}
    return sorted(graph.edges, key=lambda pair: (order[pair[0]], order[pair[1]]))
