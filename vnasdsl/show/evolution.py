"""Pictures of a search by trials: accuracy against cost with the Pareto front, and the family tree of the winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vnasdsl.show.curves import png

Trials = Sequence[Mapping[str, Any]]
"""The lines of trials.jsonl."""
_DOT, _FRONT, _WINNER, _PALE = "#56B4E9", "#0072B2", "#D55E00", "#999999"


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the points (cost, accuracy) that none beats in both: cheaper and at least as good, or better and no
    dearer. In the order of their cost; of equal points the first."""
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i))
    front: list[int] = []
    for i in order:
        if not front or points[i][1] > points[front[-1]][1]:
            front.append(i)
    return front


def pareto_png(trials: Trials) -> bytes:
    """Accuracy on the validate part against MACs, as PNG: every trained network, and the front in the order of cost."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axis = figure.subplots()
    trained = [trial for trial in trials if trial["status"] == "trained"]
    points = [(float(trial["macs"]), 100 * trial["score"]["top1"]) for trial in trained]
    unit, prefix = next(
        ((u, p) for u, p in ((1e9, "G"), (1e6, "M")) if points and max(x for x, _ in points) >= u), (1e3, "k")
    )
    if points:
        axis.scatter([x / unit for x, _ in points], [y for _, y in points], s=26, color=_DOT, label="trained")
        front = pareto_front(points)
        line = [(points[i][0] / unit, points[i][1]) for i in front]
        axis.plot(
            *zip(*line, strict=True),
            color=_FRONT,
            marker="o",
            markersize=6,
            drawstyle="steps-post",
            label="Pareto front",
        )
        for i in front:
            x, y = points[i]
            axis.annotate(f"#{trained[i]['id']}", (x / unit, y), xytext=(4, 6), textcoords="offset points", fontsize=8)
    axis.set_title("accuracy of short trainings against cost", loc="left", fontweight="bold")
    axis.set_xlabel(f"{prefix}MACs per clip")
    axis.set_ylabel("top-1 on the validate part in %")
    axis.grid(alpha=0.25)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    if points:
        axis.legend(fontsize=8, frameon=False, loc="lower right")
    return png(figure)


def ancestors(trials: Trials, winner: int) -> list[list[int]]:
    """The winner's family by generation, the winner first; who is reached over several ways stands in the last."""
    parents = {trial["id"]: tuple(trial["parents"]) for trial in trials}
    depth = {winner: 0}
    waiting = [winner]
    while waiting:
        trial = waiting.pop()
        for parent in parents.get(trial, ()):
            if depth.get(parent, -1) < depth[trial] + 1:
                depth[parent] = depth[trial] + 1
                waiting.append(parent)
    generations: list[list[int]] = [[] for _ in range(max(depth.values()) + 1)]
    for trial in sorted(depth):
        generations[depth[trial]].append(trial)
    return generations


def family_png(trials: Trials, winner: int) -> bytes:
    """The winner, its parents and theirs, from the first network at the top down to the winner, as PNG.

    Beside each child stands what was mutated; beside each network its accuracy on the validate part.
    """
    from matplotlib.figure import Figure

    known = {trial["id"]: trial for trial in trials}
    generations = ancestors(trials, winner)[::-1]
    lines = {trial: _story(known[trial]) for generation in generations for trial in generation}
    heights = [max(1.0, *(0.25 * len(lines[trial]) + 0.6 for trial in generation)) for generation in generations]
    width = max(len(generation) for generation in generations)
    figure = Figure(figsize=(max(8.0, 4.5 * width), max(2.0, 0.85 * sum(heights))), layout="constrained")
    axis = figure.subplots()
    axis.set_axis_off()
    places: dict[int, tuple[float, float]] = {}
    y = 0.0
    for generation, height in zip(generations, heights, strict=True):
        for column, trial in enumerate(generation):
            places[trial] = (column + 0.06, y)
        y -= height
    for trial, (x, down) in places.items():
        for parent in known[trial]["parents"]:
            if parent in places:
                axis.annotate(
                    "",
                    (x, down),
                    places[parent],
                    arrowprops={"arrowstyle": "->", "color": _PALE, "shrinkA": 13, "shrinkB": 13},
                )
        colour = _WINNER if trial == winner else _FRONT
        axis.scatter([x], [down], s=620, color="white", edgecolor=colour, linewidth=2, zorder=3)
        axis.text(x, down, f"#{trial}", ha="center", va="center", fontsize=8, zorder=4)
        axis.text(x + 0.06, down, "\n".join(lines[trial]), ha="left", va="center", fontsize=8)
    axis.set_xlim(0, width)
    axis.set_ylim(y + heights[-1] / 2, heights[0] / 2)
    axis.set_title("family of the winner, oldest first", loc="left", fontweight="bold")
    return png(figure)


_LONGEST = 78


def _story(trial: Mapping[str, Any]) -> list[str]:
    score = trial.get("score")
    first = f"{100 * score['top1']:.1f} %" if score else str(trial["status"])
    told = [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..." for text in trial["mutations"]]
    return [first, *(told or ["drawn at random" if not trial["parents"] else "unchanged"])]
