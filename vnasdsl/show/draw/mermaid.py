"""A picture as a Mermaid flowchart: its boxes and lines; places are Mermaid's own."""

from __future__ import annotations

import json

from vnasdsl.show.draw.metrics import visible
from vnasdsl.show.draw.picture import NodeBox, Picture


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
