"""Colours of the options of a trellis, and the words and samples below it that say what is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vnasdsl.relax.trellis import State, Trellis
from vnasdsl.show.draw.learnt import Learnt
from vnasdsl.show.draw.metrics import shortened, text_width
from vnasdsl.show.draw.picture import SERIES, Edge, Rect, Text, straight

MARGIN = 28
SKIP = "skip"
OTHER = "other"
"""The colour of the options for which no colour is left."""


@dataclass(frozen=True)
class Legend:
    texts: tuple[Text, ...]
    rects: tuple[Rect, ...]
    lines: tuple[Edge, ...]
    bottom: float


def roles(trellis: Trellis, learnt: Learnt | None) -> dict[str, str]:
    """The role of every option of a layer, in the order of the file; leaving a layer out is grey.

    No two options share a colour. Where there are more than colours, those have one that weigh most (without what a
    search has learnt: that stand in most layers, the first of them in the file), and all others are `other`.
    """
    weight: Counter[str] = Counter()
    states: Iterable[State] = (state for stage in trellis.stages for state in stage.states)
    for mixture in (mixture for state in states for mixture in state.mixtures):
        shares = learnt.mixture_weights[mixture.name] if learnt else [1.0] * len(mixture.options)
        for option, share in zip(mixture.options, shares, strict=True):
            weight[option] += share  # type: ignore[assignment]
    named = [option for option in weight if option != SKIP]
    if len(named) > SERIES:
        most = sorted(named, key=lambda option: -weight[option])[: SERIES - 1]
        named = [option for option in named if option in most]
    colours = {option: f"series{i}" for i, option in enumerate(named)}
    return {option: SKIP if option == SKIP else colours.get(option, OTHER) for option in weight}


def legend(options: Mapping[str, str], learnt: Learnt | None, top: float, room: float) -> Legend:
    """What the colours and lines are."""
    texts: list[Text] = []
    rects: list[Rect] = []
    lines: list[Edge] = []
    x, y = float(MARGIN), top

    def put(text: str, swatch: float) -> float:
        """Room for a swatch and its text; a new line where there is none."""
        nonlocal x, y
        before = swatch + 6 if swatch else 0
        need = before + text_width(text, 11) + 20
        if x > MARGIN and x + need > room:
            x, y = float(MARGIN), y + 20
        texts.append(Text(x + before, y + 4, text, "text", 11, "start"))
        x += need
        return x - need

    def colour(text: str, role: str) -> None:
        left = put(text, 10)
        rects.append(Rect(left, y - 5, 10, 10, role, radius=2))

    for option, role in options.items():
        if role != OTHER:
            colour(shortened(option, 240, 11), role)
    others = sum(role == OTHER for role in options.values())
    if others:
        colour(f"{others} other options in one colour, which a bar names where the pointer rests on it", OTHER)
    if options:
        more = ": how probable its options are; below it what is taken" if learnt else ", its colours what it may be"
        put(f"a bar is a layer{more}", 0)
    put("number in a box: channels; under a stage: frames × rows × columns", 0)
    if learnt:
        left = put("most probable path (Viterbi)", 26)
        lines.append(Edge("", "", straight((left, y), (left + 26, y)), 3.5, 0.5, True))
        left = put("width of a line: probability of the next candidate", 26)
        lines.append(Edge("", "", straight((left, y), (left + 26, y)), 3.5, 0.5))
    return Legend(tuple(texts), tuple(rects), tuple(lines), y + MARGIN)
