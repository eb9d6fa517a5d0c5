"""A picture before it is rendered: boxes, curves, bars and texts with places in pixels, y downwards.

Layouts make pictures and know no file format; a renderer turns one into bytes and decides nothing about places. What
things look like is said by a role (`state`, `path`, `series2`), which a theme turns into colours.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

# Hundredths of the font size for the characters from blank to tilde.
_PLAIN = (
    "32 40 46 84 64 95 78 27 39 39 50 84 32 36 32 34 64 64 64 64 64 64 64 64 64 64 34 34 84 84 84 53 100 68 69 70 77 63"
    " 58 77 75 29 29 66 56 86 75 79 60 79 69 63 61 73 68 99 69 61 69 39 34 39 84 50 50 61 63 55 63 62 35 63 63 28 28 58"
    " 28 97 63 61 63 63 41 52 39 63 59 82 59 59 52 64 34 64 84"
)
_WIDTHS = {chr(32 + number): int(width) / 100 for number, width in enumerate(_PLAIN.split())}
_BOLD = 1.1
ELLIPSIS = "…"


def text_width(text: str, size: float = 12, bold: bool = False) -> float:
    """Pixels that a text takes at a font size in pixels."""
    width = 0.0  # not `sum`, which rounds otherwise since Python 3.12: pictures are the same in all versions
    for character in text:
        width += _width(character)
    return width * size * (_BOLD if bold else 1)


def _width(char: str) -> float:
    known = _WIDTHS.get(char)
    if known is not None:
        return known
    if unicodedata.combining(char):
        return 0
    return 1.0 if unicodedata.east_asian_width(char) in "WF" or ord(char) > 0x2FFF else 0.84


def shortened(text: str, room: float, size: float = 12, bold: bool = False) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    if text_width(text, size, bold) <= room:
        return text
    left = room - text_width(ELLIPSIS, size, bold)
    fits = 0
    for char in text:
        left -= text_width(char, size, bold)
        if left < 0:
            break
        fits += 1
    return text[:fits].rstrip() + ELLIPSIS


def wrapped(text: str, room: float, size: float = 12, most: int = 4) -> list[str]:
    """The text in lines of this width, broken at blanks where there are any; what is past `most` lines is cut."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if text_width(longer, size) <= room:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        while text_width(word, size) > room:  # no blank to break at
            fits = max(len(shortened(word, room + text_width(ELLIPSIS, size), size)) - 1, 1)
            lines[-1:] = [word[:fits], ""]
            word = word[fits:]
        lines[-1] = word
    if len(lines) > most:
        lines = [*lines[: most - 1], shortened(" ".join(lines[most - 1 :]), room, size)]
    return lines


def visible(text: str) -> str:
    """A text in one line: characters that control instead of showing become blanks."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn") else c for c in text)


Point: TypeAlias = tuple[float, float]
Anchor: TypeAlias = Literal["start", "middle", "end"]
SERIES = 8
"""Colours told apart: roles `series0` to `series7`."""


@dataclass(frozen=True)
class Text:
    """One line of text; `y` is that of its baseline."""

    x: float
    y: float
    content: str
    role: str = "text"
    size: float = 12
    anchor: Anchor = "middle"
    bold: bool = False


@dataclass(frozen=True)
class Rect:
    """A part of a bar, a swatch, a band. `tip` is shown when a pointer rests on it."""

    x: float
    y: float
    width: float
    height: float
    role: str
    tip: str = ""
    radius: float = 0


@dataclass(frozen=True)
class NodeBox:
    """A box with what stands in it. Nodes of one id are one thing, drawn again (`ghost`) where a row begins anew."""

    id: str
    x: float
    y: float
    width: float
    height: float
    role: str
    texts: tuple[Text, ...] = ()
    rects: tuple[Rect, ...] = ()
    tip: str = ""
    group: str = ""
    """The stage it belongs to."""
    marked: bool = False
    """On the path that was taken."""
    ghost: bool = False

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def moved(self, dx: float, dy: float) -> NodeBox:
        """The same box elsewhere, with everything in it."""
        texts = tuple(replace(text, x=text.x + dx, y=text.y + dy) for text in self.texts)
        rects = tuple(replace(rect, x=rect.x + dx, y=rect.y + dy) for rect in self.rects)
        return replace(self, x=self.x + dx, y=self.y + dy, texts=texts, rects=rects)


@dataclass(frozen=True)
class Edge:
    """A curve between two nodes: a start, then three points (two of them controls) for every cubic piece."""

    source: str
    target: str
    points: tuple[Point, ...]
    width: float = 1.2
    strength: float | None = None
    """A probability; None where there is none."""
    marked: bool = False
    arrow: bool = False
    tip: str = ""


@dataclass(frozen=True)
class Picture:
    """Everything a renderer needs."""

    name: str
    """What is drawn, as an identifier."""
    title: str
    description: str
    """The picture in words, for those who cannot see it."""
    width: float
    height: float
    nodes: tuple[NodeBox, ...]
    edges: tuple[Edge, ...]
    texts: tuple[Text, ...] = ()
    rects: tuple[Rect, ...] = ()
    lines: tuple[Edge, ...] = ()
    """Lines that join nothing or many things, such as samples in the legend."""
    hidden: tuple[Edge, ...] = ()
    """Lines between nodes for which there is no room; formats without places have them all the same."""
    frames: tuple[NodeBox, ...] = ()
    """Around nodes, outer ones first."""

    @property
    def strokes(self) -> list[Edge]:
        """All lines as they lie over each other: strong ones over weak ones, the path over all."""
        return sorted((*self.edges, *self.lines), key=lambda edge: (edge.marked, edge.strength or 0.0))

    @property
    def things(self) -> tuple[NodeBox, ...]:
        """Every node once."""
        return tuple(node for node in self.nodes if not node.ghost)

    @property
    def groups(self) -> dict[str, list[NodeBox]]:
        """Every node once, by stage."""
        found: dict[str, list[NodeBox]] = {}
        for node in self.things:
            found.setdefault(node.group, []).append(node)
        return found


def straight(*corners: Point) -> tuple[Point, ...]:
    """A line through corners as a curve."""
    points = [corners[0]]
    for before, after in itertools.pairwise(corners):
        points += [before, after, after]
    return tuple(points)


def rounded(corners: list[Point], radius: float = 8) -> tuple[Point, ...]:
    """A line of horizontal and vertical pieces whose corners are rounded."""
    points = [corners[0]]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        points += [points[-1], start, start, corner, corner, end]
    points += [points[-1], corners[-1], corners[-1]]
    return tuple(points)


def around(start: Point, end: Point, between: float) -> list[Point]:
    """Corners from the right end of a row to the beginning of the next, through the gap between them."""
    right, left = start[0] + 12, end[0] - 14
    return [start, (right, start[1]), (right, between), (left, between), (left, end[1]), end]


def _towards(origin: Point, goal: Point, distance: float) -> Point:
    dx, dy = goal[0] - origin[0], goal[1] - origin[1]
    length = abs(dx) + abs(dy)
    share = min(0.5, distance / length) if length else 0.0
    return origin[0] + dx * share, origin[1] + dy * share


def moved(points: tuple[Point, ...], dx: float, dy: float) -> tuple[Point, ...]:
    return tuple((x + dx, y + dy) for x, y in points)


def swing(start: Point, end: Point, ease: float = 0.5) -> tuple[Point, ...]:
    """A curve that leaves and arrives horizontally."""
    reach = (end[0] - start[0]) * ease
    return start, (start[0] + reach, start[1]), (end[0] - reach, end[1]), end


def dims(shape: tuple[int, ...]) -> str:
    """`48 × 16 × 56 × 56`."""
    return " × ".join(str(n) for n in shape)


def rows_of(widths: Sequence[float], gaps: Sequence[float], room: float, repeat: bool = False) -> list[range]:
    """Things side by side in as few rows as the room allows, and these about as wide as one another.

    repeat: a row begins with the last thing of the row before, drawn again.
    """
    best = _filled(widths, gaps, room, repeat)
    while room > 0:
        room -= 20
        rows = _filled(widths, gaps, room, repeat)
        if len(rows) > len(best):
            break
        best = rows
    return best


def _filled(widths: Sequence[float], gaps: Sequence[float], room: float, repeat: bool) -> list[range]:
    rows: list[range] = []
    first, x = 0, 0.0
    for i, width in enumerate(widths):
        if i > first and x + width > room:
            rows.append(range(first, i))
            first, x = i, widths[i - 1] + gaps[i - 1] if repeat else 0.0
        x += width + (gaps[i] if i < len(gaps) else 0)
    return [*rows, range(first, len(widths))] if widths else []
