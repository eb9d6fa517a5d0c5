"""The ancestors of the network that a search by trials has found, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vnasdsl.show.draw.metrics import text_width
from vnasdsl.show.draw.picture import Edge, NodeBox, Picture, Point, Text, straight

Trials = Sequence[Mapping[str, Any]]
"""The lines of trials.jsonl."""


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
