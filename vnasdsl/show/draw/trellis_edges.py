"""The lines between the candidates of neighbouring stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vnasdsl.relax.trellis import Trellis
from vnasdsl.show.draw.learnt import Learnt
from vnasdsl.show.draw.picture import Edge, NodeBox, swing

THIN, THICK = 0.6, 7.0


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


def joined(edges: Sequence[Edge], before: Mapping[str, NodeBox], after: Mapping[str, NodeBox]) -> list[Edge]:
    """The lines with their places, from the boxes `before` to those `after`."""
    placed = []
    for edge in edges:
        start, end = before[edge.source], after[edge.target]
        placed.append(replace(edge, points=swing((start.right, start.middle), (end.x, end.middle))))
    return placed
