"""A picture as DOT text for Graphviz: its boxes and lines; places are Graphviz's own."""

from __future__ import annotations

from vnasdsl.show.draw.mermaid import label
from vnasdsl.show.draw.metrics import visible
from vnasdsl.show.draw.picture import Picture
from vnasdsl.show.draw.svg import number
from vnasdsl.show.draw.themes import LIGHT


def dot(picture: Picture) -> str:
    """Stages are clusters; the width of a line follows its probability; what was taken is in colour."""
    names = {node.id: f"n{i}" for i, node in enumerate(picture.things)}
    lines = [
        f"digraph {quoted(picture.name)} {{",
        f"  graph [rankdir=LR, label={quoted(picture.title)}, labelloc=t, fontname=Helvetica];",
        f'  node [shape=box, style="rounded,filled", fillcolor="{LIGHT["state"]}", color="{LIGHT["frame"]}",'
        " fontname=Helvetica];",
        f'  edge [color="{LIGHT["edge"]}"];',
    ]
    for count, (group, nodes) in enumerate(picture.groups.items()):
        if group:
            lines += [f"  subgraph cluster_{count} {{", f"    label={quoted(group)};"]
        for node in nodes:
            mark = f', color="{LIGHT["path"]}", penwidth=2' if node.marked else ""
            tip = f", tooltip={quoted(node.tip)}" if node.tip else ""
            indent = "    " if group else "  "
            lines.append(f"{indent}{names[node.id]} [label={quoted(label(node))}{tip}{mark}];")
        if group:
            lines.append("  }")
    for edge in (*picture.edges, *picture.hidden):
        mark = f', color="{LIGHT["path"]}"' if edge.marked else ""
        tip = f", tooltip={quoted(edge.tip)}" if edge.tip else ""
        lines.append(f"  {names[edge.source]} -> {names[edge.target]} [penwidth={number(edge.width)}{tip}{mark}];")
    return "\n".join([*lines, "}"]) + "\n"


def quoted(text: str) -> str:
    """A DOT string; a line end becomes `\\n`."""
    lines = [visible(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n")]
    return '"' + "\\n".join(lines) + '"'
