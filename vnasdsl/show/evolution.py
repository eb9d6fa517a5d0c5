"""Pictures of a search by trials: accuracy against cost with the Pareto front, and the ancestors of the winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vnasdsl.show.curves import headed, plain, png
from vnasdsl.show.draw.metrics import text_width
from vnasdsl.show.draw.picture import Edge, NodeBox, Picture, Point, Text, straight
from vnasdsl.show.draw.png import png as picture_png

Trials = Sequence[Mapping[str, Any]]
"""The lines of trials.jsonl."""
_DOT, _FRONT, _WINNER = "#56B4E9", "#0072B2", "#D55E00"


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points (cost, accuracy) on the Pareto front, by increasing cost; of equal points the first."""
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i))
    front: list[int] = []
    for i in order:
        if not front or points[i][1] > points[front[-1]][1]:
            front.append(i)
    return front


def pareto_png(trials: Trials, winner: int, what: str = "trained", how: str = "of short trainings") -> bytes:
    """Accuracy on the validate part against MACs, as PNG: every trained network, the front, and the winner.

    what, how: what the networks are called in the legend, and the accuracy in the title.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axis = figure.subplots()
    trained = [trial for trial in trials if trial["status"] == "trained"]
    points = [(float(trial["macs"]), 100 * trial["score"]["top1"]) for trial in trained]
    unit, prefix = next(
        ((u, p) for u, p in ((1e9, "G"), (1e6, "M")) if points and max(x for x, _ in points) >= u), (1e3, "k")
    )
    if points:
        axis.scatter([x / unit for x, _ in points], [y for _, y in points], s=26, color=_DOT, label=what)
        front = pareto_front(points)
        line = zip(*((points[i][0] / unit, points[i][1]) for i in front), strict=True)
        axis.plot(*line, color=_FRONT, marker="o", markersize=6, drawstyle="steps-post", label="Pareto front")
        chosen = next(i for i, trial in enumerate(trained) if trial["id"] == winner)
        x, y = points[chosen]
        ring: dict[str, Any] = {"s": 130, "facecolor": "none", "edgecolor": _WINNER, "linewidth": 2, "zorder": 3}
        axis.scatter([x / unit], [y], label="winner", **ring)
        for i in dict.fromkeys((*front, chosen)):
            x, y = points[i]
            axis.annotate(f"#{trained[i]['id']}", (x / unit, y), xytext=(4, 6), textcoords="offset points", fontsize=8)
    axis.set_xlabel(f"{prefix}MACs per clip")
    axis.set_ylabel("top-1 on the validate part in %")
    plain(axis)
    headed(axis, f"accuracy {how} against cost", 3)
    return png(figure)


def ancestors(trials: Trials, winner: int) -> list[int]:
    """The winner, its parents, theirs and so on, oldest first."""
    parents = {trial["id"]: tuple(trial["parents"]) for trial in trials}
    found, waiting = {winner}, [winner]
    while waiting:
        new = [parent for parent in parents.get(waiting.pop(), ()) if parent not in found]
        found.update(new)
        waiting += new
    return sorted(found)


_MOST_ROWS, _LONGEST = 40, 90
_MARGIN, _BOX = 16.0, 44.0


def family_png(trials: Trials, winner: int) -> bytes:
    """`family_picture` as PNG."""
    return picture_png(family_picture(trials, winner))


def family_picture(trials: Trials, winner: int) -> Picture:
    """The winner and all its ancestors, the oldest at the top.

    Beside each network stand its accuracy on the validate part and how it was made; a line leads from parent to child.
    """
    known = {trial["id"]: trial for trial in trials}
    family = ancestors(trials, winner)
    shown = family[-_MOST_ROWS:]
    reach = max((_bend(shown, trial, parent) for trial in shown for parent in known[trial]["parents"]), default=0.0)
    older = len(family) - len(shown)
    left_out = f" ({older} older ones left out)" if older else ""
    title = f"family of the winner, oldest first{left_out}"
    x = _MARGIN + reach
    beside = x + _BOX + 14
    texts = [Text(_MARGIN, _MARGIN + 10, title, size=14, anchor="start", bold=True)]
    nodes: dict[int, NodeBox] = {}
    down = _MARGIN + 30.0
    for trial in shown:
        story = _story(known[trial])
        label = Text(x + _BOX / 2, down + 15, f"#{trial}", size=11)
        nodes[trial] = NodeBox(f"#{trial}", x, down, _BOX, 22, "state", (label,), marked=trial == winner)
        texts += [Text(beside, down + 15 + 16 * row, line, anchor="start") for row, line in enumerate(story)]
        down += 16 * len(story) + 22
    edges = []
    for trial, child in nodes.items():
        for parent in (nodes[each] for each in known[trial]["parents"] if each in nodes):
            bend = _bend(shown, trial, int(parent.id[1:]))
            middle = x + _BOX / 2
            if bend:  # around those between
                controls = (x - bend, parent.middle), (x - bend, child.middle)
                points: tuple[Point, ...] = ((x, parent.middle), *controls, (x, child.middle))
            else:
                points = straight((middle, parent.bottom), (middle, child.y))
            edges.append(Edge(parent.id, child.id, points, arrow=True))
    width = max(text.x + text_width(text.content, text.size, text.bold) for text in texts) + _MARGIN
    words = "; ".join(f"#{trial}: {', '.join(_story(known[trial]))}" for trial in shown)
    return Picture("family", title, words, width, down + _MARGIN, tuple(nodes.values()), tuple(edges), tuple(texts))


def _bend(shown: Sequence[int], trial: int, parent: int) -> float:
    """How far to the left a line goes from a parent: not at all to its neighbour, else the farther the more."""
    if parent not in shown:
        return 0.0
    far = shown.index(trial) - shown.index(parent)
    return 0.0 if far == 1 else 20.0 + 60.0 * far / len(shown)


def _story(trial: Mapping[str, Any]) -> list[str]:
    score = trial.get("score")
    accuracy = f"{100 * score['top1']:.1f} %" if score else str(trial["status"])
    parents = " and ".join(f"#{parent}" for parent in trial["parents"])
    texts = [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..." for text in trial["mutations"]]
    return [f"{accuracy}, {f'child of {parents}' if parents else 'drawn at random'}", *texts]
