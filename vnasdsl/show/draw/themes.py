"""Colours by role, on light and on dark grounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# The series are Okabe and Ito's, told apart by people who do not see all colours; the path has a colour of its own.
LIGHT: Mapping[str, str] = {
    "ground": "#ffffff",
    "text": "#1c2733",
    "faint": "#5b6875",
    "edge": "#7d8a97",
    "path": "#d1400c",
    "state": "#f3f6f9",
    "io": "#e3e9ef",
    "layer": "#f3f6f9",
    "join": "#fff6e0",
    "region": "#fafbfd",
    "frame": "#93a1af",
    "series0": "#0072b2",
    "series1": "#56b4e9",
    "series2": "#009e73",
    "series3": "#cc79a7",
    "series4": "#e69f00",
    "series5": "#7a68c4",
    "series6": "#b5a200",
    "series7": "#8c564b",
    "skip": "#c9d0d7",
    "other": "#5f6b76",
}
DARK: Mapping[str, str] = {
    **LIGHT,
    "ground": "#0f151b",
    "text": "#e7edf3",
    "faint": "#9fadba",
    "edge": "#71808e",
    "path": "#ff7a45",
    "state": "#1b252f",
    "io": "#2a3743",
    "layer": "#1b252f",
    "join": "#3a3220",
    "region": "#131b23",
    "frame": "#5d6c7a",
    "series0": "#3d9bd9",
    "series1": "#8fd0f5",
    "series2": "#22b98d",
    "series3": "#e097c1",
    "series4": "#f0b429",
    "series5": "#a193e6",
    "series6": "#d6c73c",
    "series7": "#b98378",
    "skip": "#4a5763",
    "other": "#9aa7b3",
}
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True)
class Stroke:
    """How a line is painted."""

    role: str
    opacity: float


def stroke(strength: float | None, marked: bool) -> Stroke:
    """A line by its probability (None: there is none) and whether it was taken."""
    if marked:
        return Stroke("path", 1.0)
    if strength is None:
        return Stroke("edge", 0.75)
    return Stroke("edge", round(0.25 + 0.75 * strength, 3))
