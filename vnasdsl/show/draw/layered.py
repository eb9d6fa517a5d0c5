"""Places for the boxes of any graph without cycles, layer by layer (after Sugiyama, Tagawa and Toda 1981).

Longest paths give the layers; lines across several layers get a lane of their own in each; sweeps by barycentres order
the boxes of a layer so that few lines cross; boxes are then put as near to their neighbours as the order allows.
Everything is deterministic: ties go to what was named first.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from types import MappingProxyType

import networkx

from vnasdsl.show.draw.picture import Point, around, rounded, rows_of, swing

Size = tuple[float, float]
Ports = tuple[float, float]
"""Below the top of a box, the heights at which edges arrive and leave."""
Pair = tuple[str, str]
Slot = Hashable
"""A box (its name) or a lane (an edge and a layer)."""
BOX_GAP, LANE_GAP, LAYER_GAP, ROW_GAP = 18.0, 10.0, 38.0, 30.0
SWEEPS = 8
LANE = (0.0, 2.0)
OVERHANG = 1.2
"""What goes past the room by this much stays in one row."""


@dataclass(frozen=True)
class Layered:
    """Where everything is: the left upper corner of every box, the curve of every edge."""

    boxes: dict[str, Point]
    curves: dict[Pair, tuple[Point, ...]]
    width: float
    height: float


def layers_of(names: Iterable[str], edges: Iterable[Pair], end: str = "") -> dict[str, int]:
    """The layer of every box: longest path from a source. A source stands just before what needs it first.

    Raises: ValueError when there is a cycle.
    """
    graph = networkx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    layer: dict[str, int] = dict.fromkeys(graph, 0)
    try:
        for number, members in enumerate(networkx.topological_generations(graph)):
            layer.update(dict.fromkeys(members, number))
    except networkx.NetworkXUnfeasible:
        raise ValueError("the graph has a cycle") from None
    for name in graph:
        if not graph.in_degree(name) and graph.out_degree(name):
            layer[name] = min(layer[target] for target in graph.successors(name)) - 1
    if end in layer:  # after everything, also what nothing reads
        layer[end] = max((number for name, number in layer.items() if name != end), default=-1) + 1
    return layer


def wrapped_layers(
    sizes: Mapping[str, Size], edges: Sequence[Pair], room: float, ends: Pair, ports: Mapping[str, Ports]
) -> Layered:
    """The same in rows no wider than `room` where that can be: a row ends at a box that everything passes.

    ends: the names of an entry and an end, points at half height; from one row to the next the line goes around.
    """
    layer = layers_of(sizes, edges, ends[1])
    boxes: dict[str, Point] = {}
    curves: dict[Pair, tuple[Point, ...]] = {}
    top, width, before = 0.0, 0.0, ""
    for members in _rows(layer, sizes, edges, room):
        inside = set(members)
        inner = [edge for edge in edges if inside.issuperset(edge)]
        entering = [edge for edge in edges if edge[1] in inside and edge[0] not in inside]
        points = {name: sizes[name] for name in members}
        if entering:
            points = {ends[0]: (0.0, 0.0), **points}
        found = layered(points, [*((ends[0], target) for _, target in entering), *inner], ends, ports)
        down = {name: (x, y + top) for name, (x, y) in found.boxes.items()}
        moved = {edge: tuple((x, y + top) for x, y in curve) for edge, curve in found.curves.items()}
        if entering:
            x, y = boxes[before]
            leave = ports[before][1] if before in ports else sizes[before][1] / 2
            way = rounded(around((x + sizes[before][0], y + leave), down.pop(ends[0]), top - ROW_GAP / 2))
            for edge in entering:
                curves[edge] = (*way, *moved.pop((ends[0], edge[1]))[1:])
        boxes.update(down)
        curves.update(moved)
        width = max(width, found.width)
        before = max(members, key=lambda name: layer[name])
        top += found.height + ROW_GAP
    return Layered(boxes, {edge: curves[edge] for edge in edges}, width, top - ROW_GAP)


def _rows(
    layer: Mapping[str, int], sizes: Mapping[str, Size], edges: Sequence[Pair], room: float
) -> Iterable[list[str]]:
    """The boxes of each row."""
    columns: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for name, number in layer.items():
        columns[number].append(name)
    widths = [max((sizes[name][0] for name in column), default=0.0) for column in columns]
    passed = {n for source, target in edges for n in range(layer[source] + 1, layer[target])}
    cuts = [n + 1 for n, column in enumerate(columns) if len(column) == 1 and n not in passed and any(widths[n + 1 :])]
    bounds = [0, *cuts, len(columns)]
    pieces = [sum(w + LAYER_GAP for w in widths[a:b]) for a, b in pairwise(bounds)]
    for row in rows_of(pieces, [0.0] * len(pieces), OVERHANG * max(room, *pieces)):
        yield [name for column in columns[bounds[row.start] : bounds[row.stop]] for name in column]


def layered(
    sizes: Mapping[str, Size],
    edges: Sequence[Pair],
    ends: Pair = ("", ""),
    ports: Mapping[str, Ports] = MappingProxyType({}),
) -> Layered:
    """Lay out boxes of given (width, height). Edges are between different boxes, at most one a pair.

    ends: names that are put at half height; ports: where all edges meet a box, if not spread over its sides.

    Raises: ValueError when there is a cycle.
    """
    layer = layers_of(sizes, edges, ends[1])
    columns, chains = _lanes(layer, edges)
    links = networkx.DiGraph(pair for chain in chains.values() for pair in pairwise(chain))
    links.add_nodes_from(layer)
    columns = _ordered(columns, links)
    size: dict[Slot, Size] = {slot: sizes[slot] if isinstance(slot, str) else LANE for slot in links}
    middles = _middles(columns, links, size)
    top = min((middle - size[slot][1] / 2 for slot, middle in middles.items()), default=0.0)
    height = max((middle - top + size[slot][1] / 2 for slot, middle in middles.items()), default=0.0)
    middles = {slot: height / 2 if slot in ends else middle - top for slot, middle in middles.items()}
    spans: list[tuple[float, float]] = []  # left edge and width of every layer; more room where more lines go
    x = 0.0
    for column in columns:
        width = max(size[slot][0] for slot in column)
        spans.append((x, width))
        x += width + LAYER_GAP + min(60.0, 3.0 * max(sum(links.out_degree(slot) for slot in column) - 2, 0))
    boxes = {
        name: (spans[layer[name]][0] + (spans[layer[name]][1] - width) / 2, middles[name] - height / 2)
        for name, (width, height) in sizes.items()
    }
    joints = _joints(chains, boxes, sizes, middles, ports)
    curves = {}
    for (source, target), chain in chains.items():  # curves between layers, straight lines through them
        start, end = joints[source, target]
        heights = [start[1], *(middles[slot] for slot in chain[1:-1]), end[1]]
        points = [start]
        for (left, wide), slot, y in zip(spans[layer[source] :], chain, heights, strict=False):
            if slot != source:
                points += swing(points[-1], (left, y))[1:]
            leave = end if slot == target else (left + wide, y)
            if leave != points[-1]:
                points += [points[-1], leave, leave]
        curves[source, target] = tuple(points)
    return Layered(boxes, curves, sum(spans[-1]) if spans else 0.0, height)


Chains = dict[Pair, list[Slot]]


def _lanes(layer: Mapping[str, int], edges: Sequence[Pair]) -> tuple[list[list[Slot]], Chains]:
    """The slots of every layer, and the slots every edge goes through, its ends included."""
    columns: list[list[Slot]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name, number in layer.items():
        columns[number].append(name)
    chains: Chains = {}
    for source, target in edges:
        lanes = {number: ((source, target), number) for number in range(layer[source] + 1, layer[target])}
        for number, lane in lanes.items():
            columns[number].append(lane)
        chains[source, target] = [source, *lanes.values(), target]
    return columns, chains


def _ordered(columns: list[list[Slot]], links: networkx.DiGraph) -> list[list[Slot]]:
    """The order in every layer with the fewest crossings that sweeps by barycentres find."""
    best, fewest = columns, crossings(columns, links)
    current = columns
    for sweep in range(SWEEPS):
        if not fewest:
            break
        step = 1 if sweep % 2 == 0 else -1
        near = links.pred if step == 1 else links.succ
        ordered: list[list[Slot]] = []
        place: dict[Slot, int] = {}
        for column in current[::step]:
            wanted: dict[Slot, float] = {}
            for i, slot in enumerate(column):
                places = [place[other] for other in near[slot]]
                wanted[slot] = sum(places) / len(places) if places else i
            ordered.append(sorted(column, key=wanted.__getitem__))
            place = {slot: i for i, slot in enumerate(ordered[-1])}
        current = ordered[::step]
        count = crossings(current, links)
        if count < fewest:
            best, fewest = current, count
    return best


def crossings(columns: Sequence[Sequence[Slot]], links: networkx.DiGraph) -> int:
    """The number of pairs of lines between neighbouring layers that cross."""
    total = 0
    for left, right in pairwise(columns):
        place = {slot: i for i, slot in enumerate(right)}
        below: list[int] = []
        for slot in left:
            ends = [place[other] for other in links.succ[slot]]
            total += sum(len(below) - bisect_right(below, end) for end in ends)
            for end in ends:
                insort(below, end)
    return total


def _middles(
    columns: Sequence[Sequence[Slot]], links: networkx.DiGraph, size: Mapping[Slot, Size]
) -> dict[Slot, float]:
    """Heights: every layer is moved towards its neighbours in turn, order and distances kept."""

    def distance(above: Slot, below: Slot) -> float:
        gap = BOX_GAP if isinstance(above, str) and isinstance(below, str) else LANE_GAP
        return (size[above][1] + size[below][1]) / 2 + gap

    offsets = [list(accumulate((distance(*pair) for pair in pairwise(column)), initial=0.0)) for column in columns]
    layers = list(zip(columns, offsets, strict=True))
    middles = {slot: y - down[-1] / 2 for column, down in layers for slot, y in zip(column, down, strict=True)}
    for sweep in range(2 * SWEEPS):
        for column, down in layers[:: 1 if sweep % 2 == 0 else -1]:
            free = []
            for slot, offset in zip(column, down, strict=True):
                near = [*(links.pred if sweep % 2 == 0 else links.succ)[slot]]
                if sweep > SWEEPS or not near:
                    near = [*links.pred[slot], *links.succ[slot]] or [slot]
                free.append(sum(middles[other] for other in near) / len(near) - offset)
            weights = [1.0 if isinstance(slot, str) else 3.0 for slot in column]
            for slot, y, offset in zip(column, rising(free, weights), down, strict=True):
                middles[slot] = y + offset
    return middles


def rising(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The sequence that never falls and lies nearest to the values by weighted squares (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values, weights, strict=True):
        mean, total, length = value, weight, 1
        while pools and pools[-1][0] > mean:
            other, more, count = pools.pop()
            mean = (mean * total + other * more) / (total + more)
            total, length = total + more, length + count
        pools.append((mean, total, length))
    return [mean for mean, _, length in pools for _ in range(length)]


def _joints(
    chains: Chains,
    boxes: Mapping[str, Point],
    sizes: Mapping[str, Size],
    middles: Mapping[Slot, float],
    ports: Mapping[str, Ports],
) -> dict[Pair, list[Point]]:
    """Where every edge leaves and arrives: spread over the side of a box in the order of the other ends."""
    found: dict[Pair, list[Point]] = {edge: [] for edge in chains}
    for side in (1, 0):  # leaving on the right, arriving on the left
        lines: dict[str, list[Pair]] = {}
        for edge in sorted(chains, key=lambda edge: middles[chains[edge][1 if side else -2]]):
            lines.setdefault(edge[1 - side], []).append(edge)
        for name, members in lines.items():
            (x, y), (width, height) = boxes[name], sizes[name]
            step = 0.0 if name in ports else max(0.0, min(12.0, (height - 12) / max(len(members) - 1, 1)))
            first = y + (ports[name][side] if name in ports else height / 2) - step * (len(members) - 1) / 2
            for i, edge in enumerate(members):
                found[edge].append((x + width * side, first + i * step))
    return found
