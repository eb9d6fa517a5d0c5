"""A picture as SVG: one file that needs nothing, with tooltips and a description for screen readers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from vnasdsl.show.draw.metrics import visible
from vnasdsl.show.draw.picture import Edge, NodeBox, Picture, Point, Rect, Text
from vnasdsl.show.draw.themes import DARK, LIGHT, stroke

_FONT = "'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif"


def svg(picture: Picture, theme: str = "auto") -> str:
    """theme "auto" follows what the reader's system prefers."""
    return "\n".join(_document(picture, theme)) + "\n"


def _document(picture: Picture, theme: str) -> Iterator[str]:
    width, height = number(picture.width), number(picture.height)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' role="img" aria-label={attribute(picture.title)} aria-describedby="vns-description">'
    )
    yield f"<title>{content(picture.title)}</title>"
    yield f'<desc id="vns-description">{content(picture.description)}</desc>'
    yield f"<style>\n{_style(theme)}\n</style>"
    yield f'<rect class="f-ground" width="{width}" height="{height}"/>'
    for rect in picture.rects:
        yield _rect(rect)
    for frame in picture.frames:
        yield from _node(frame)
    for edge in picture.strokes:
        yield _edge(edge)
    for node in picture.nodes:
        yield from _node(node)
    for text in picture.texts:
        yield _text(text)
    yield "</svg>"


def _style(theme: str) -> str:
    """Colours are written out, not named by variables: many programs that show SVG know none."""
    lines = [
        f"text {{ font-family: {_FONT}; }}",
        ".line { fill: none; stroke-linecap: round; stroke-linejoin: round; }",
        *_colours(DARK if theme == "dark" else LIGHT),
        ".box.marked { stroke-width: 2; }",
        ".box.ghost { fill: none; stroke-dasharray: 3 3; }",
    ]
    if theme == "auto":
        dark = [*_colours(DARK), ".box.ghost { fill: none; }"]
        lines.append(f"@media (prefers-color-scheme: dark) {{ {' '.join(dark)} }}")
    return "\n".join(lines)


def _colours(colours: Mapping[str, str]) -> Iterator[str]:
    for role, colour in colours.items():
        yield f".f-{role} {{ fill: {colour}; }}"
    for role in ("edge", "path"):
        yield f".s-{role} {{ stroke: {colours[role]}; }}"
    yield f".box {{ stroke: {colours['frame']}; }} .box.marked {{ stroke: {colours['path']}; }}"


def _node(node: NodeBox) -> Iterator[str]:
    classes = f"box f-{node.role}{' marked' if node.marked else ''}{' ghost' if node.ghost else ''}"
    tip = f"<title>{content(node.tip)}</title>" if node.tip else ""
    yield f'<g class="node" data-id={attribute(node.id)}>{tip}'
    yield f'<rect class="{classes}" {_place(node.x, node.y, node.width, node.height)} rx="6"/>'
    for rect in node.rects:
        yield _rect(rect)
    for text in node.texts:
        yield _text(text)
    yield "</g>"


def _edge(edge: Edge) -> str:
    paint = stroke(edge.strength, edge.marked)
    tip = f"<title>{content(edge.tip)}</title>" if edge.tip else ""
    ends = f" data-source={attribute(edge.source)} data-target={attribute(edge.target)}" if edge.source else ""
    opacity = "" if paint.opacity == 1 else f' stroke-opacity="{number(paint.opacity)}"'
    line = (
        f'<path class="line s-{paint.role}" d="{path_data(edge.points)}" stroke-width="{number(edge.width)}"{opacity}'
        f"{ends}>{tip}</path>"
    )
    if not edge.arrow:
        return line
    corners = " ".join(f"{number(x)},{number(y)}" for x, y in arrow_head(edge))
    return f'{line}\n<polygon class="f-{paint.role}" points="{corners}"/>'


def arrow_head(edge: Edge) -> tuple[Point, Point, Point]:
    """A triangle at the end of a curve, in the direction in which it arrives."""
    x, y = edge.points[-1]
    before = next((p for p in reversed(edge.points) if p != (x, y)), (x - 1, y))
    length = math.dist((x, y), before)
    dx, dy = (x - before[0]) / length, (y - before[1]) / length
    long, half = 6 + edge.width, 3 + edge.width / 2
    left, top = x - long * dx, y - long * dy
    return (x, y), (left - half * dy, top + half * dx), (left + half * dy, top - half * dx)


def path_data(points: tuple[Point, ...]) -> str:
    """The `d` of a path; cubic pieces that are straight become lines."""
    parts = [f"M{number(points[0][0])} {number(points[0][1])}"]
    here = points[0]
    for i in range(1, len(points), 3):
        first, second, end = points[i : i + 3]
        if first == here and second == end:
            if end != here:
                parts.append(f"L{number(end[0])} {number(end[1])}")
        else:
            parts.append("C" + " ".join(f"{number(x)} {number(y)}" for x, y in (first, second, end)))
        here = end
    return "".join(parts)


def _rect(rect: Rect) -> str:
    radius = f' rx="{number(rect.radius)}"' if rect.radius else ""
    place = _place(rect.x, rect.y, rect.width, rect.height)
    end = f"><title>{content(rect.tip)}</title></rect>" if rect.tip else "/>"
    return f'<rect class="f-{rect.role}" {place}{radius}{end}'


def _text(text: Text) -> str:
    weight = ' font-weight="bold"' if text.bold else ""
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    place = f'x="{number(text.x)}" y="{number(text.y)}"'
    return (
        f'<text class="f-{text.role}" {place} font-size="{number(text.size)}"{anchor}{weight}>'
        f"{content(text.content)}</text>"
    )


def _place(x: float, y: float, width: float, height: float) -> str:
    return f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'


def content(text: str) -> str:
    """Text between tags."""
    return escape("\n".join(visible(line) for line in text.split("\n")))


def attribute(text: str) -> str:
    """A quoted attribute."""
    return quoteattr(visible(text))


def number(value: float) -> str:
    """At most two decimals, without trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
