"""Any graph of layers as a picture: the networkx view of a network or a space, boxes with several inputs and outputs.

Layers that only follow one another are one box with a line for each. A graph too wide for a page goes on in a next row
after a box that everything passes; that box is drawn again there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from vnasdsl.language.diagnostics import UserError
from vnasdsl.layers.base import show_value
from vnasdsl.show.draw.layered import Layered, layered, layers_of
from vnasdsl.show.draw.metrics import shortened, text_width
from vnasdsl.show.draw.picture import Edge, Node, Picture, Point, Text, dims
from vnasdsl.show.numbers import amount

if TYPE_CHECKING:
    import networkx

MARGIN = 28
MOST_WIDTH = 1360
MOST_NODES = 600
ROW_GAP = 34
MOST_BOX = 260
MOST_LINES = 4
"""Of one text in a box; what is left is cut off in the last of them."""
JOINS = frozenset(("add", "mix", "sum", "input"))
SIGNS = {"add": "+", "sum": "Σ", "mix": "mix"}


@dataclass(frozen=True)
class _Box:
    """Layers that follow one another."""

    names: tuple[str, ...]
    node: Node


def graph_picture(view: networkx.DiGraph, title: str | None = None) -> Picture:
    """A picture of a graph without cycles. What its nodes and edges may have:

    nodes: `operation`, `label`, `output_shape`, `macs`, `params`, `attributes`, `group`; for lines of a text `lines`
    (what they say) and `head` (their name); edges: `weight`, a number from 0 to 1 that becomes their strength.

    Raises: UserError when there is a cycle, or more than 600 boxes.
    """
    name = str(view.graph.get("name") or "graph")
    boxes = {box.names[0]: box for box in _boxes(view)}
    if len(boxes) > MOST_NODES:
        raise UserError(
            f"`{name}` has {len(boxes)} boxes to draw, at most {MOST_NODES} fit in a picture",
            "draw it without --layers, or a smaller space",
        )
    box_of = {name: first for first, box in boxes.items() for name in box.names}
    weights: dict[tuple[str, str], float | None] = {}
    for source, target, data in view.edges(data=True):
        pair = (box_of[source], box_of[target])
        if pair[0] != pair[1]:
            weights.setdefault(pair, data.get("weight"))
    sizes = {first: (box.node.width, box.node.height) for first, box in boxes.items()}
    try:
        layer = layers_of(sizes, weights)
    except ValueError:
        raise UserError(f"`{name}` cannot be drawn: it has a cycle") from None

    nodes: list[Node] = []
    edges: list[Edge] = []
    title = title or name
    y, width = MARGIN + 30.0, MARGIN + text_width(title, 16, True)
    for ghosts, members in _bands(layer, list(weights), sizes):
        inside = {*ghosts, *members}
        pairs = [pair for pair in weights if pair[0] in inside and pair[1] in inside]
        found = layered({first: sizes[first] for first in layer if first in inside}, pairs)
        for first, (left, top) in found.boxes.items():
            node = boxes[first].node.moved(MARGIN + left, y + top)
            nodes.append(replace(node, ghost=first in ghosts))
        edges += _edges(found, weights, boxes, y)
        y += found.height + ROW_GAP
        width = max(width, MARGIN + found.width)
    return Picture(
        name,
        title,
        _description(title, boxes, weights),
        width + MARGIN,
        y - ROW_GAP + MARGIN,
        tuple(nodes),
        tuple(edges),
        (Text(MARGIN, MARGIN + 6, title, size=16, anchor="start", bold=True),),
    )


def _edges(
    found: Layered, weights: Mapping[tuple[str, str], float | None], boxes: Mapping[str, _Box], top: float
) -> list[Edge]:
    edges = []
    for (source, target), points in found.curves.items():
        weight = weights[source, target]
        strength = None if weight is None else min(max(float(weight), 0.0), 1.0)
        tip = f"{_last(boxes[source])} → {target}" + ("" if weight is None else f": {weight:.4g}")
        width = 1.4 if strength is None else 0.6 + 4.4 * strength
        placed: tuple[Point, ...] = tuple((x + MARGIN, y + top) for x, y in points)
        edges.append(Edge(source, target, placed, width, strength, arrow=True, tip=tip))
    return edges


def _last(box: _Box) -> str:
    return box.names[-1]


# --------------------------------------------------------------------- boxes


def _boxes(view: networkx.DiGraph) -> list[_Box]:
    """Runs of layers without a branch, each as one box; joins stand alone."""

    def follows(name: str) -> str | None:
        """The one layer behind `name` that belongs into the same box."""
        targets = list(view.successors(name))
        if len(targets) != 1 or view.in_degree(targets[0]) != 1:
            return None
        apart = {view.nodes[n].get("operation") for n in (name, targets[0])} & JOINS
        if any(view.nodes[n].get("head") for n in (name, targets[0])):
            return None  # a line with a name has a box of its own
        same = view.nodes[name].get("operation") and _place(name) == _place(targets[0])
        return None if apart or not same else str(targets[0])

    inner = {target for name in view for target in [follows(name)] if target is not None}
    found = []
    for name in view:
        if name in inner:
            continue
        run = [str(name)]
        while (target := follows(run[-1])) is not None:
            run.append(target)
        found.append(_box(view, tuple(run)))
    return found


def _place(name: str) -> str:
    """Where a layer stands: its name without its own label."""
    return str(name).rpartition(".")[0]


def _box(view: networkx.DiGraph, names: tuple[str, ...]) -> _Box:
    rows = [view.nodes[name] for name in names]
    operation = rows[0].get("operation")
    group = str(rows[0].get("group") or (names[0].partition(".")[0] if "." in names[0] else ""))
    macs, params = (sum(int(row.get(key) or 0) for row in rows) for key in ("macs", "params"))
    shape = rows[-1].get("output_shape")
    tip = ", ".join(
        [
            *(
                name + (f": {_words(row)}" if row.get("operation") else "")
                for name, row in zip(names, rows, strict=True)
            ),
            *([dims(shape)] if shape else []),
            *([f"{macs} MACs"] if macs else []),
            *([f"{params} parameters"] if params else []),
        ]
    )
    if "lines" in rows[0]:
        return _line_box(names, rows, operation, tip, group)
    if operation in SIGNS:
        return _Box(names, _node(names[0], [(SIGNS[operation], "text", 12, True)], "join", tip, group))
    head = str(rows[0].get("label") if operation is None else "") or (_place(names[0]) if len(names) > 1 else names[0])
    lines: list[tuple[str, str, float, bool]] = [(head, "text", 11, True)] if head else []
    for line in _operations(rows):
        lines.append((line, "text", 10.5, False))
    foot = " · ".join([*([dims(shape)] if shape else []), *([f"{amount(macs)} MACs"] if macs else [])])
    if foot:
        lines.append((foot, "faint", 10, False))
    return _Box(names, _node(names[0], lines, "io" if operation == "input" else "layer", tip, group))


def _line_box(names: tuple[str, ...], rows: list[Mapping[str, Any]], operation: object, tip: str, group: str) -> _Box:
    """Lines of a text, each with its name, what it says in as many lines as that takes, and its shape and MACs."""
    is_input = operation == "input"
    lines: list[tuple[str, str, float, bool]] = []
    for name, row in zip(names, rows, strict=True):
        head = name if is_input else row.get("head")
        if head:
            lines.append((str(head), "text", 11, True))
        for text in row["lines"]:
            lines += [(part, "text", 10.5, False) for part in _folded(text)]
    shape, macs = rows[-1].get("output_shape"), sum(int(row.get("macs") or 0) for row in rows)
    foot = " · ".join([*([dims(shape)] if shape else []), *([f"{amount(macs)} MACs"] if macs else [])])
    if foot:
        lines.append((foot, "faint", 10, False))
    return _Box(names, _node(names[0], lines, "io" if is_input else "layer", tip, group))


def _folded(text: str) -> list[str]:
    """A text in lines that fit a box, at most MOST_LINES."""
    found: list[str] = [""]
    for word in text.split(" "):
        longer = f"{found[-1]} {word}" if found[-1] else word
        if found[-1] and text_width(longer, 10.5) > MOST_BOX - 20:
            found.append(word)
        else:
            found[-1] = longer
    return found if len(found) <= MOST_LINES else [*found[: MOST_LINES - 1], " ".join(found[MOST_LINES - 1 :])]


def _operations(rows: list[Mapping[str, Any]]) -> list[str]:
    """A line for every layer that costs something, with the free ones behind it."""
    lines: list[str] = []
    for row in rows:
        words = _words(row)
        if not words or row.get("operation") == "input":
            continue
        if lines and not row.get("macs"):
            lines[-1] += f" · {words}"
        else:
            lines.append(words)
    return lines


def _words(row: Mapping[str, Any]) -> str:
    """`conv 64 1x3x3 stride 1x2x2`: what is not the usual."""
    usual = {"1x1x1", "1", "false", "true"}
    words = [str(row.get("operation") or "")]
    for name, value in row.get("attributes") or ():
        text = show_value(value)
        if name in ("channels", "kernel", "features", "share"):
            words.append(text)
        elif name in ("stride", "dilation", "groups") and text not in usual:
            words.append(f"{name} {text}")
    return " ".join(words)


def _node(name: str, lines: list[tuple[str, str, float, bool]], role: str, tip: str, group: str) -> Node:
    lines = [(shortened(text, MOST_BOX - 20, size, bold), colour, size, bold) for text, colour, size, bold in lines]
    width = max(text_width(text, size, bold) for text, _, size, bold in lines) + 20
    height = 12 + 15 * len(lines)
    texts = tuple(
        Text(width / 2, 18 + 15 * i, text, colour, size, bold=bold)
        for i, (text, colour, size, bold) in enumerate(lines)
    )
    return Node(name, 0, 0, max(width, 30), height, role, texts if width >= 30 else _centred(texts), (), tip, group)


def _centred(texts: tuple[Text, ...]) -> tuple[Text, ...]:
    return tuple(replace(text, x=15.0) for text in texts)


# --------------------------------------------------------------------- bands


def _bands(
    layer: Mapping[str, int], edges: list[tuple[str, str]], sizes: Mapping[str, tuple[float, float]]
) -> list[tuple[set[str], list[str]]]:
    """(boxes drawn again, new boxes) of every row: cut only behind a box that everything passes."""
    count = max(layer.values(), default=0) + 1
    members: list[list[str]] = [[] for _ in range(count)]
    for name, number in layer.items():
        members[number].append(name)
    crossing = [0] * (count + 1)
    for source, target in edges:
        for number in range(layer[source] + 1, layer[target]):
            crossing[number] += 1
    narrow = [number for number in range(count) if len(members[number]) == 1 and not crossing[number]]
    gap = 60.0
    widths = [max(sizes[name][0] for name in column) + gap for column in members]
    cuts = [0]
    for here, following in pairwise([*narrow, count - 1]):
        if sum(widths[cuts[-1] : following + 1]) > MOST_WIDTH - 2 * MARGIN and here > cuts[-1]:
            cuts.append(here)
    bands = []
    for number, cut in enumerate(cuts):
        end = cuts[number + 1] if number + 1 < len(cuts) else count - 1
        first = cut if number == 0 else cut + 1
        new = [name for column in members[first : end + 1] for name in column]
        if new:
            bands.append((set(members[cut]) if number else set(), new))
    return bands


def _description(title: str, boxes: Mapping[str, _Box], weights: Mapping[tuple[str, str], object]) -> str:
    said = [f"{title}: a graph of {len(boxes)} boxes and {len(weights)} lines."]
    inputs: dict[str, list[str]] = {}
    for source, target in weights:
        inputs.setdefault(target, []).append(source)
    said += [f"{target} from {', '.join(sources)}." for target, sources in inputs.items()]
    return " ".join(said)
