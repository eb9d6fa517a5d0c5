"""A picture as PNG, drawn by matplotlib (Agg) in its own font from the same places: no browser, no system program."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

from vnasdsl.show.draw.metrics import visible
from vnasdsl.show.draw.picture import Edge, NodeBox, Picture, Rect, Text
from vnasdsl.show.draw.svg import arrow_head
from vnasdsl.show.draw.themes import DARK, LIGHT, stroke

SCALE = 2
"""Pixels of the file for a pixel of the picture."""
MOST_PIXELS = 8_000
"""Of a side; larger pictures are scaled down to it."""
_INCH = 96


def png(picture: Picture, theme: str = "auto") -> bytes:
    """theme "auto" is light: a PNG cannot ask its reader."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours = DARK if theme == "dark" else LIGHT
    scale = min(SCALE, MOST_PIXELS / max(picture.width, picture.height))
    with rc_context({"font.family": "DejaVu Sans", "path.simplify": False, "text.usetex": False}):
        figure = Figure(figsize=(picture.width / _INCH, picture.height / _INCH), facecolor=colours["ground"])
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, picture.width)
        axes.set_ylim(picture.height, 0)
        axes.set_axis_off()
        _Painter(axes, colours).paint(picture)
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")  # a sign the font lacks is drawn as an empty box
            FigureCanvasAgg(figure).print_figure(
                buffer, dpi=_INCH * scale, format="png", facecolor=colours["ground"], metadata={"Software": None}
            )
    return buffer.getvalue()


class _Painter:
    """Draws one thing over the other, in the order in which they are added."""

    def __init__(self, axes: Any, colours: Mapping[str, str]):
        self.axes = axes
        self.colours = colours

    def paint(self, picture: Picture) -> None:
        for rect in picture.rects:
            self.rect(rect)
        for frame in picture.frames:
            self.node(frame)
        for edge in picture.strokes:
            self.edge(edge)
        for node in picture.nodes:
            self.node(node)
        for text in picture.texts:
            self.text(text)

    def node(self, node: NodeBox) -> None:
        self.box(
            node,
            6,
            facecolor="none" if node.ghost else self.colours[node.role],
            edgecolor=self.colours["path" if node.marked else "frame"],
            linewidth=points(2 if node.marked else 1),
            linestyle=(0, (3, 3)) if node.ghost else "-",
        )
        for rect in node.rects:
            self.rect(rect)
        for text in node.texts:
            self.text(text)

    def rect(self, rect: Rect) -> None:
        self.box(rect, rect.radius, facecolor=self.colours[rect.role], edgecolor="none", linewidth=0)

    def box(self, place: NodeBox | Rect, radius: float, **style: Any) -> None:
        from matplotlib.patches import FancyBboxPatch, Rectangle

        corner = (place.x, place.y)
        if radius:
            shape = f"round,pad=0,rounding_size={min(radius, place.width / 2, place.height / 2)}"
            self.axes.add_patch(FancyBboxPatch(corner, place.width, place.height, boxstyle=shape, **style))
        else:
            self.axes.add_patch(Rectangle(corner, place.width, place.height, **style))

    def edge(self, edge: Edge) -> None:
        from matplotlib.patches import PathPatch, Polygon
        from matplotlib.path import Path

        paint = stroke(edge.strength, edge.marked)
        codes = [Path.MOVETO] + [Path.CURVE4] * (len(edge.points) - 1)
        style: Any = {"edgecolor": self.colours[paint.role], "alpha": paint.opacity}
        line = PathPatch(Path(edge.points, codes), fill=False, linewidth=points(edge.width), capstyle="round", **style)
        self.axes.add_patch(line)
        if edge.arrow:
            self.axes.add_patch(Polygon(arrow_head(edge), facecolor=self.colours[paint.role], linewidth=0, **style))

    def text(self, text: Text) -> None:
        self.axes.text(
            text.x,
            text.y,
            visible(text.content),
            fontsize=points(text.size),
            fontweight="bold" if text.bold else "normal",
            color=self.colours[text.role],
            ha={"start": "left", "middle": "center", "end": "right"}[text.anchor],
            va="baseline",
            parse_math=False,
            zorder=1,  # as patches have
        )


def points(pixels: float) -> float:
    return pixels * 72 / _INCH
