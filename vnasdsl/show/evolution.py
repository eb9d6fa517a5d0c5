"""Pictures of a search by trials: accuracy against cost with the Pareto front, and the ancestors of the winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vnasdsl.show.curves import headed, plain, png

Trials = Sequence[Mapping[str, Any]]
"""The lines of trials.jsonl."""
_DOT, _FRONT, _WINNER, _PALE = "#56B4E9", "#0072B2", "#D55E00", "#999999"


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


def family_png(trials: Trials, winner: int) -> bytes:
    """The winner and all its ancestors, the oldest at the top, as PNG.

    Beside each network stand its accuracy on the validate part and how it was made; a line leads from parent to child.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch

    known = {trial["id"]: trial for trial in trials}
    family = ancestors(trials, winner)
    shown = family[-_MOST_ROWS:]
    stories = {trial: _story(known[trial]) for trial in shown}
    places: dict[int, float] = {}
    down = 0.0
    for trial in shown:
        height = 0.2 * len(stories[trial]) + 0.3  # inches
        places[trial] = down - height / 2
        down -= height
    height = max(1.5, 0.5 - down)
    figure = Figure(figsize=(8, height), layout="constrained")
    axis = figure.subplots()
    axis.set_axis_off()
    axis.set_aspect("equal")
    reach = 0.0
    for row, trial in enumerate(shown):
        for parent in known[trial]["parents"]:
            if parent not in places:
                continue
            far = row - shown.index(parent)
            # Between neighbours straight, over others in an arc to the left, the wider the further.
            bend = 0.0 if far == 1 else min(0.5, 0.25 + 0.25 * far / len(shown))
            reach = max(reach, bend / 2 * (places[parent] - places[trial]))
            ends, arc = ((0, places[parent]), (0, places[trial])), f"arc3,rad={bend}"
            style: dict[str, Any] = {"mutation_scale": 9, "shrinkA": 11, "shrinkB": 11, "color": _PALE}
            axis.add_patch(FancyArrowPatch(*ends, connectionstyle=arc, arrowstyle="-|>", **style))
    for trial, y in places.items():
        colour = _WINNER if trial == winner else _FRONT
        axis.scatter([0], [y], s=420, color="white", edgecolor=colour, linewidth=2, zorder=3)
        axis.text(0, y, f"#{trial}", ha="center", va="center", fontsize=7.5, zorder=4)
        axis.text(0.3, y, "\n".join(stories[trial]), ha="left", va="center", fontsize=8, linespacing=1.3)
    axis.set_xlim(-max(0.3, reach + 0.1), 6.8)
    axis.set_ylim(down - 0.05, 0.05)
    older = len(family) - len(shown)
    left_out = f" ({older} older ones left out)" if older else ""
    axis.set_title(f"family of the winner, oldest first{left_out}", loc="left", fontweight="bold")
    return png(figure)


def _story(trial: Mapping[str, Any]) -> list[str]:
    score = trial.get("score")
    accuracy = f"{100 * score['top1']:.1f} %" if score else str(trial["status"])
    parents = " and ".join(f"#{parent}" for parent in trial["parents"])
    texts = [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..." for text in trial["mutations"]]
    return [f"{accuracy}, {f'child of {parents}' if parents else 'drawn at random'}", *texts]
