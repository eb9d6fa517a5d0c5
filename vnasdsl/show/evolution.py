"""The ancestors of the network that a search by trials has found, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vnasdsl.show.draw.metrics import text_width
from vnasdsl.show.draw.picture import Picture, Text
from vnasdsl.show.draw.place import place
from vnasdsl.show.draw.regions import Box, Region

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


_MOST, _WIDTH, _MARGIN = 40, 1000.0, 24.0


def family_picture(trials: Trials, winner: int) -> Picture:
    """The winner and all its ancestors, from parent to child.

    In the box of each network stand its accuracy on the validate part and how it was made.
    """
    known = {str(trial["id"]): trial for trial in trials}
    family = [str(number) for number in ancestors(trials, winner)]
    shown = family[-_MOST:]
    boxes = {name: Box(name, _story(known[name]), (), (name,), f"#{name}") for name in shown}
    for name, box in boxes.items():
        box.reads = tuple(parent for parent in map(str, known[name]["parents"]) if parent in boxes)
    placed = place(Region("family", "", [*boxes.values()], ()), _WIDTH, end=False).moved(_MARGIN, 2 * _MARGIN)
    nodes = tuple(replace(node, marked=node.id == str(winner)) for node in placed.nodes)
    older = len(family) - len(shown)
    title = f"family of the winner{f' ({older} older ones left out)' if older else ''}"
    heading = Text(_MARGIN, _MARGIN, title, size=14, anchor="start", bold=True)
    words = "; ".join(node.tip for node in nodes)
    width = max(placed.width, text_width(title, 14, True)) + 2 * _MARGIN
    return Picture("family", title, words, width, placed.height + 3 * _MARGIN, nodes, placed.edges, (heading,))


def _story(trial: Mapping[str, Any]) -> list[str]:
    score = trial.get("score")
    accuracy = f"{100 * score['top1']:.1f} %" if score else str(trial["status"])
    parents = " and ".join(f"#{parent}" for parent in trial["parents"])
    return [f"{accuracy}, {f'child of {parents}' if parents else 'drawn at random'}", *trial["mutations"]]
