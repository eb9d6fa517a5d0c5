"""A picture as a file: SVG, PNG made of it, Mermaid or DOT text. Colours by role, on light and on dark grounds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from vnasdsl.show.draw.picture import Edge, NodeBox, Picture, Point, Rect, Text, visible

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


SCALE = 2
"""Pixels of the file for a pixel of the picture."""
MOST_PIXELS = 8_000
"""Of a side; larger pictures are scaled down to it."""


def png(picture: Picture, theme: str = "auto") -> bytes:
    """The same bytes on every machine. theme "auto" is light: a PNG cannot ask its reader."""
    import resvg_py
    from matplotlib import get_data_path

    fonts = Path(get_data_path(), "fonts", "ttf")
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg(picture, "light" if theme == "auto" else theme),
            zoom=min(SCALE, MOST_PIXELS / max(picture.width, picture.height)),
            skip_system_fonts=True,
            font_files=[str(fonts / name) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")],
            font_family="DejaVu Sans",
        )
    )


def mermaid(picture: Picture) -> str:
    """Stages are subgraphs; a probability stands on its line; what was taken is thick."""
    names = {node.id: f"n{number}" for number, node in enumerate(picture.things)}
    title = json.dumps(visible(picture.title), ensure_ascii=False)
    lines = ["---", f"title: {title}", "---", "flowchart LR"]
    for number, (group, nodes) in enumerate(picture.groups.items()):
        indent = "    " if group else "  "
        if group:
            lines.append(f"  subgraph g{number}[{quoted(group)}]")
        lines += [f"{indent}{names[node.id]}[{quoted(label(node))}]" for node in nodes]
        if group:
            lines.append("  end")
    for edge in (*picture.edges, *picture.hidden):
        arrow = "==>" if edge.marked else "-->"
        weight = "" if edge.strength is None else f'|"{edge.strength:.2f}"|'
        lines.append(f"  {names[edge.source]} {arrow}{weight} {names[edge.target]}")
    taken = [names[node.id] for node in picture.things if node.marked]
    if taken:
        lines.append("  classDef taken stroke:#d1400c,stroke-width:3px")
        lines.append(f"  class {','.join(taken)} taken")
    return "\n".join(lines) + "\n"


def label(node: NodeBox) -> str:
    return "\n".join(text.content for text in node.texts)


def quoted(text: str) -> str:
    """A string that Mermaid shows as it is: every sign with a meaning becomes its code."""

    def shown(line: str) -> str:
        return "".join(c if c.isalnum() or c in " .,_-=×→·…" else f"#{ord(c)};" for c in visible(line))

    return '"' + "<br/>".join(map(shown, text.split("\n"))) + '"'


def dot(picture: Picture) -> str:
    """Stages are clusters; the width of a line follows its probability; what was taken is in colour."""
    names = {node.id: f"n{i}" for i, node in enumerate(picture.things)}
    lines = [
        f"digraph {_quoted(picture.name)} {{",
        f"  graph [rankdir=LR, label={_quoted(picture.title)}, labelloc=t, fontname=Helvetica];",
        f'  node [shape=box, style="rounded,filled", fillcolor="{LIGHT["state"]}", color="{LIGHT["frame"]}",'
        " fontname=Helvetica];",
        f'  edge [color="{LIGHT["edge"]}"];',
    ]
    for count, (group, nodes) in enumerate(picture.groups.items()):
        if group:
            lines += [f"  subgraph cluster_{count} {{", f"    label={_quoted(group)};"]
        for node in nodes:
            mark = f', color="{LIGHT["path"]}", penwidth=2' if node.marked else ""
            tip = f", tooltip={_quoted(node.tip)}" if node.tip else ""
            indent = "    " if group else "  "
            lines.append(f"{indent}{names[node.id]} [label={_quoted(label(node))}{tip}{mark}];")
        if group:
            lines.append("  }")
    for edge in (*picture.edges, *picture.hidden):
        mark = f', color="{LIGHT["path"]}"' if edge.marked else ""
        tip = f", tooltip={_quoted(edge.tip)}" if edge.tip else ""
        lines.append(f"  {names[edge.source]} -> {names[edge.target]} [penwidth={number(edge.width)}{tip}{mark}];")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    """A DOT string; a line end becomes `\\n`."""
    lines = [visible(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n")]
    return '"' + "\\n".join(lines) + '"'


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
