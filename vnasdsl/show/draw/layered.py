"""Places for the boxes of any graph without cycles, layer by layer (after Sugiyama, Tagawa and Toda 1981).

Longest paths give the layers; lines across several layers get a lane of their own in each; sweeps by barycentres order
the boxes of a layer so that few lines cross; boxes are then put as near to their neighbours as the order allows.
Everything is deterministic: ties go to what was named first.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import networkx

from vnasdsl.show.draw.picture import Point, rounded, rows_of

Size = tuple[float, float]
Ports = tuple[float, float]
"""Below the top of a box, the heights at which edges arrive and leave."""
Slot = Hashable
"""A box (its name) or a lane (an edge and a layer)."""
_SizeOf = Callable[[Slot], Size]
BOX_GAP, LANE_GAP = 18.0, 10.0
LAYER_GAP = 38.0
SWEEPS = 8
LANE = (0.0, 2.0)
ROW_GAP = 30.0
OVERHANG = 1.2
"""What goes past the room by this much stays in one row."""


@dataclass(frozen=True)
class Layered:
    """Where everything is: the left upper corner of every box, the curve of every edge."""

    boxes: dict[str, Point]
    curves: dict[tuple[str, str], tuple[Point, ...]]
    width: float
    height: float


def layers_of(names: Iterable[str], edges: Iterable[tuple[str, str]], end: str = "") -> dict[str, int]:
    """The layer of every box: longest path from a source. A source stands just before what needs it first.

    Raises: ValueError when there is a cycle.
    """
    graph = networkx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    layer: dict[str, int] = dict.fromkeys(graph, 0)
    try:
        for name in networkx.topological_sort(graph):
            for target in graph.successors(name):
                layer[target] = max(layer[target], layer[name] + 1)
    except networkx.NetworkXUnfeasible:
        raise ValueError("the graph has a cycle") from None
    for name in graph:
        if not graph.in_degree(name) and graph.out_degree(name):
            layer[name] = min(layer[target] for target in graph.successors(name)) - 1
    if end in layer:  # after everything, also what nothing reads
        layer[end] = max((number for name, number in layer.items() if name != end), default=-1) + 1
    return layer


def wrapped_layers(
    sizes: Mapping[str, Size],
    edges: Sequence[tuple[str, str]],
    room: float,
    ends: tuple[str, str],
    ports: Mapping[str, Ports],
) -> Layered:
    """The same in rows no wider than `room` where that can be: a row ends at a box that everything passes.

    ends: the names of an entry and an end, points at half height; from one row to the next the line goes around.
    """
    layer = layers_of(sizes, edges, ends[1])
    boxes: dict[str, Point] = {}
    curves: dict[tuple[str, str], tuple[Point, ...]] = {}
    top, width, before = 0.0, 0.0, ""
    for members in _rows(layer, sizes, edges, room):
        inside = set(members)
        inner = [edge for edge in edges if inside.issuperset(edge)]
        entering = [edge for edge in edges if edge[1] in inside and edge[0] not in inside]
        port = [(ends[0], target) for _, target in entering]
        points = {name: sizes[name] for name in members}
        if port:
            points = {ends[0]: (0.0, 0.0), **points}
        found = layered(points, [*port, *inner], ends, ports)
        down = {name: (x, y + top) for name, (x, y) in found.boxes.items()}
        moved = {edge: tuple((x, y + top) for x, y in curve) for edge, curve in found.curves.items()}
        if entering:
            x, y = boxes[before]
            start = (x + sizes[before][0], y + _port(before, 1, sizes, ports))
            around = rounded(_around(start, down[ends[0]], top - ROW_GAP / 2))
            for edge in entering:
                curves[edge] = (*around, *moved.pop((ends[0], edge[1]))[1:])
            del down[ends[0]]
        boxes.update(down)
        curves.update(moved)
        width = max(width, found.width)
        before = max(members, key=lambda name: layer[name])
        top += found.height + ROW_GAP
    return Layered(boxes, {edge: curves[edge] for edge in edges}, width, top - ROW_GAP)


def _around(start: Point, end: Point, between: float) -> list[Point]:
    """Corners from the right end of a row to the beginning of the next, through the gap between them."""
    right, left = start[0] + 12, end[0] - 14
    return [start, (right, start[1]), (right, between), (left, between), (left, end[1]), end]


def _rows(
    layer: Mapping[str, int], sizes: Mapping[str, Size], edges: Sequence[tuple[str, str]], room: float
) -> list[list[str]]:
    """The boxes of each row."""
    columns: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for name, number in layer.items():
        columns[number].append(name)
    widths = [max((sizes[name][0] for name in column), default=0.0) for column in columns]
    passed = {n for source, target in edges for n in range(layer[source] + 1, layer[target])}
    cuts = [n + 1 for n, column in enumerate(columns) if len(column) == 1 and n not in passed and any(widths[n + 1 :])]
    pieces = [sum(w + LAYER_GAP for w in widths[a:b]) for a, b in pairwise([0, *cuts, len(columns)])]
    room = max(room, *pieces)
    found = []
    for members in rows_of(pieces, [0.0] * len(pieces), OVERHANG * room):
        first, last = [0, *cuts][members[0]], [*cuts, len(columns)][members[-1]]
        found.append([name for column in columns[first:last] for name in column])
    return found


def layered(
    sizes: Mapping[str, Size],
    edges: Sequence[tuple[str, str]],
    ends: tuple[str, str] = ("", ""),
    ports: Mapping[str, Ports] = MappingProxyType({}),
) -> Layered:
    """Lay out boxes of given (width, height). Edges are between different boxes, at most one a pair.

    ends: names that are put at half height; ports: where all edges meet a box, if not spread over its sides.

    Raises: ValueError when there is a cycle.
    """
    layer = layers_of(sizes, edges, ends[1])
    columns, chains = _lanes(layer, edges)
    neighbours = _neighbours(chains)
    columns = _ordered(columns, *neighbours)

    def size(slot: Slot) -> Size:
        return sizes[slot] if isinstance(slot, str) else LANE

    middles = _middles(columns, *neighbours, size)
    lefts, widths = _columns_x(columns, chains, size)
    top = min((middle - size(slot)[1] / 2 for slot, middle in middles.items()), default=0.0)
    height = max((middle - top + size(slot)[1] / 2 for slot, middle in middles.items()), default=0.0)
    middles = {slot: height / 2 if slot in ends else middle - top for slot, middle in middles.items()}
    boxes = {
        name: (lefts[layer[name]] + (widths[layer[name]] - sizes[name][0]) / 2, middles[name] - sizes[name][1] / 2)
        for name in sizes
    }
    curves = _curves(chains, layer, boxes, _ports(chains, boxes, sizes, middles, ports), sizes, middles, lefts, widths)
    width = lefts[-1] + widths[-1] if lefts else 0.0
    return Layered(boxes, curves, width, height)


Chains = dict[tuple[str, str], list[Slot]]
Links = dict[Slot, list[Slot]]


def _lanes(layer: Mapping[str, int], edges: Sequence[tuple[str, str]]) -> tuple[list[list[Slot]], Chains]:
    """The slots of every layer, and the slots every edge goes through, its ends included."""
    columns: list[list[Slot]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name, number in layer.items():
        columns[number].append(name)
    chains: Chains = {}
    for edge in edges:
        source, target = edge
        chain: list[Slot] = [source]
        for number in range(layer[source] + 1, layer[target]):
            lane = (edge, number)
            columns[number].append(lane)
            chain.append(lane)
        chains[edge] = [*chain, target]
    return columns, chains


def _neighbours(chains: Chains) -> tuple[Links, Links]:
    """The neighbours of every slot in the layers before and after."""
    before: Links = {}
    after: Links = {}
    for chain in chains.values():
        for left, right in pairwise(chain):
            after.setdefault(left, []).append(right)
            before.setdefault(right, []).append(left)
    return before, after


def _ordered(columns: list[list[Slot]], before: Links, after: Links) -> list[list[Slot]]:
    """The order in every layer with the fewest crossings that sweeps find."""
    best, fewest = columns, crossings(columns, after)
    current = columns
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        links = before if forward else after
        ordered = [list(column) for column in current]
        numbers = range(1, len(ordered)) if forward else range(len(ordered) - 2, -1, -1)
        for number in numbers:
            place = {slot: i for i, slot in enumerate(ordered[number - 1 if forward else number + 1])}
            ordered[number] = _by_barycentre(ordered[number], links, place)
        count = crossings(ordered, after)
        if count < fewest:
            best, fewest = ordered, count
        current = ordered
    return best


def _by_barycentre(column: Sequence[Slot], links: Links, place: Mapping[Slot, int]) -> list[Slot]:
    """By the mean place of their neighbours; what has none keeps its own."""
    keys = {}
    for i, slot in enumerate(column):
        places = [place[other] for other in links.get(slot, ())]
        keys[slot] = sum(places) / len(places) if places else float(i)
    return sorted(column, key=keys.__getitem__)


def crossings(columns: Sequence[Sequence[Slot]], after: Links) -> int:
    """The number of pairs of lines between neighbouring layers that cross."""
    total = 0
    for left, right in pairwise(columns):
        place = {slot: i for i, slot in enumerate(right)}
        seen: list[int] = []
        for slot in left:
            ends = sorted(place[other] for other in after.get(slot, ()))
            total += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _middles(columns: Sequence[Sequence[Slot]], before: Links, after: Links, size: _SizeOf) -> dict[Slot, float]:
    """Heights: every layer is moved towards its neighbours in turn, order and distances kept."""
    middles: dict[Slot, float] = {}
    for column in columns:
        y = 0.0
        for above, slot in zip([None, *column], column, strict=False):
            y += _distance(above, slot, size) if above is not None else 0.0
            middles[slot] = y
        for slot in column:
            middles[slot] -= y / 2
    for sweep in range(2 * SWEEPS):
        order = columns if sweep % 2 == 0 else list(reversed(columns))
        for column in order:
            wanted, weights = [], []
            for slot in column:
                left, right = before.get(slot, []), after.get(slot, [])
                links = [*left, *right] if sweep > SWEEPS else (left if sweep % 2 == 0 else right) or [*left, *right]
                wanted.append(sum(middles[other] for other in links) / len(links) if links else middles[slot])
                weights.append(1.0 if isinstance(slot, str) else 3.0)
            offsets = [0.0]
            for above, slot in pairwise(column):
                offsets.append(offsets[-1] + _distance(above, slot, size))
            free = [y - offset for y, offset in zip(wanted, offsets, strict=True)]
            for slot, y, offset in zip(column, rising(free, weights), offsets, strict=True):
                middles[slot] = y + offset
    return middles


def _distance(above: Slot, below: Slot, size: _SizeOf) -> float:
    gap = BOX_GAP if isinstance(above, str) and isinstance(below, str) else LANE_GAP
    return (size(above)[1] + size(below)[1]) / 2 + gap


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


def _columns_x(columns: Sequence[Sequence[Slot]], chains: Chains, size: _SizeOf) -> tuple[list[float], list[float]]:
    """Left edge and width of every layer; more room where more lines go."""
    number_of = {slot: number for number, column in enumerate(columns) for slot in column}
    lines = [0] * len(columns)
    for chain in chains.values():
        for slot in chain[:-1]:
            lines[number_of[slot]] += 1
    lefts, widths = [], []
    x = 0.0
    for column, count in zip(columns, lines, strict=True):
        width = max(size(slot)[0] for slot in column)
        lefts.append(x)
        widths.append(width)
        x += width + LAYER_GAP + min(60.0, 3.0 * max(count - 2, 0))
    return lefts, widths


def _curves(
    chains: Chains,
    layer: Mapping[str, int],
    boxes: Mapping[str, Point],
    ports: Mapping[tuple[str, str], tuple[float, float]],
    sizes: Mapping[str, Size],
    middles: Mapping[Slot, float],
    lefts: Sequence[float],
    widths: Sequence[float],
) -> dict[tuple[str, str], tuple[Point, ...]]:
    """From port to port: curves between layers, straight through each layer, its own lane or beside the box."""
    curves = {}
    for edge, chain in chains.items():
        source, target = edge
        start, end = (boxes[source][0] + sizes[source][0], ports[edge][0]), (boxes[target][0], ports[edge][1])
        points = [start]
        for number, slot in enumerate(chain, start=layer[source]):
            y = start[1] if slot == source else end[1] if slot == target else middles[slot]
            left, right = lefts[number], lefts[number] + widths[number]
            if slot != source:
                points += [*_bend(points[-1], (left, y)), (left, y)]
            leave = end if slot == target else (right, y)
            if leave != points[-1]:
                points += [points[-1], leave, leave]
        curves[edge] = tuple(points)
    return curves


def _bend(start: Point, end: Point) -> tuple[Point, Point]:
    half = (end[0] - start[0]) / 2
    return (start[0] + half, start[1]), (end[0] - half, end[1])


def _port(name: str, side: int, sizes: Mapping[str, Size], ports: Mapping[str, Ports]) -> float:
    return ports[name][side] if name in ports else sizes[name][1] / 2


def _ports(
    chains: Chains,
    boxes: Mapping[str, Point],
    sizes: Mapping[str, Size],
    middles: Mapping[Slot, float],
    ports: Mapping[str, Ports],
) -> dict[tuple[str, str], tuple[float, float]]:
    """Heights at which every edge leaves and arrives: spread over the side of a box in the order of the other ends."""
    leaving: dict[str, list[tuple[float, tuple[str, str]]]] = {}
    arriving: dict[str, list[tuple[float, tuple[str, str]]]] = {}
    for edge, chain in chains.items():
        leaving.setdefault(edge[0], []).append((middles[chain[1]], edge))
        arriving.setdefault(edge[1], []).append((middles[chain[-2]], edge))
    found: dict[tuple[str, str], list[float]] = {edge: [0.0, 0.0] for edge in chains}
    for side, ends in enumerate((leaving, arriving)):
        for name, lines in ends.items():
            height = sizes[name][1]
            step = 0.0 if name in ports else max(0.0, min(12.0, (height - 12) / max(len(lines) - 1, 1)))
            first = boxes[name][1] + _port(name, side, sizes, ports) - step * (len(lines) - 1) / 2
            for i, (_, edge) in enumerate(sorted(lines, key=lambda line: line[0])):
                found[edge][side] = first + i * step
    return {edge: (start, end) for edge, (start, end) in found.items()}
