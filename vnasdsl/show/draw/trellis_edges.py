"""The lines between the candidates of neighbouring stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vnasdsl.relax.trellis import Trellis
from vnasdsl.show.draw.learnt import Learnt
from vnasdsl.show.draw.picture import Edge, NodeBox, swing

THIN, THICK = 0.6, 7.0
MOST_LINES = 256
"""Between two columns; of more the strongest are drawn, or evenly some where all are alike."""


def links(columns: Sequence[Sequence[NodeBox]], trellis: Trellis, learnt: Learnt | None) -> dict[int, list[Edge]]:
    """Edges without places, by the number of the column they lead to."""
    found: dict[int, list[Edge]] = {}
    path = (0, *learnt.path, 0) if learnt else None
    for number in range(1, len(columns)):
        stage = trellis.stages[number - 1] if number <= len(trellis.stages) else None
        weights = learnt.path_weights[stage.name] if learnt and stage else None
        for i, source in enumerate(columns[number - 1]):
            for j, target in enumerate(columns[number]):
                weight = weights[i][j] if weights is not None else None
                marked = path is not None and (path[number - 1], path[number]) == (i, j)
                width = (2.5 if marked else 1.1) if weight is None else THIN + (THICK - THIN) * weight
                tip = f"{_said(source)} → {_said(target)}"
                if weight is not None:
                    tip += f": {weight:.4f}"
                edge = Edge(source.id, target.id, (), width, weight, marked, tip=tip)
                found.setdefault(number, []).append(edge)
    return found


def _said(node: NodeBox) -> str:
    return node.tip.partition(":")[0]


@dataclass(frozen=True)
class Joined:
    """The lines between two columns with their places."""

    edges: tuple[Edge, ...]
    hidden: tuple[Edge, ...] = ()
    """Those that are not drawn."""
    note: str = ""


def joined(edges: Sequence[Edge], before: Mapping[str, NodeBox], after: Mapping[str, NodeBox]) -> Joined:
    """The lines from the boxes `before` to those `after`."""

    def placed(edge: Edge) -> Edge:
        start, end = before[edge.source], after[edge.target]
        return replace(edge, points=swing((start.right, start.middle), (end.x, end.middle)))

    if len(edges) <= MOST_LINES:
        return Joined(tuple(map(placed, edges)))
    weighed = any(edge.strength is not None for edge in edges)
    ranked = sorted(edges, key=lambda edge: (not edge.marked, -(edge.strength or 0.0)))
    shown = ranked[:MOST_LINES] if weighed else edges[:: -(-len(edges) // MOST_LINES)]
    chosen = set(shown)
    note = f"between `{_stage(before)}` and `{_stage(after)}` {len(shown)} of {len(edges):,} lines are drawn"
    rest = tuple(edge for edge in ranked if edge not in chosen)
    return Joined(tuple(map(placed, shown)), rest, f"{note}, the strongest" if weighed else note)


def _stage(nodes: Mapping[str, NodeBox]) -> str:
    return next((node.group or node.id for node in nodes.values()), "")
