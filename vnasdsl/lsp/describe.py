"""Signatures, documentation and figures in words: what completion and hover show."""

from __future__ import annotations

from functools import cache

from vnasdsl.elaborate import Space
from vnasdsl.elaborate.definitions import block_signature
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.layers.base import Layer, show_value
from vnasdsl.show.figures import LineFigures
from vnasdsl.show.foot import size_words
from vnasdsl.show.table import cost_text, input_text, output_text, shapes
from vnasdsl.space.ways import Cost


@cache
def recipe_rows(owner: str) -> tuple[dict[str, str], ...]:
    """The keys of a kind of recipe (`search`) or of a part (`sgd(...)`): name, type, default, description."""
    from vnasdsl.train.recipe_print import recipe_keys

    return tuple(row for row in recipe_keys() if row["recipe"] == owner)


def comment_above(item: tree.Node) -> str:
    """The comment in the lines directly above a definition."""
    source = item.span.source
    number = item.span.line - 1
    lines: list[str] = []
    while number >= 1 and source.line(number).strip().startswith("#"):
        lines.append(source.line(number).strip().lstrip("#").strip())
        number -= 1
    return "\n".join(reversed(lines))


def layer_text(layer: Layer) -> str:
    """Signature, documentation and parameters of a layer, as Markdown."""
    lines = [code(layer.signature), layer.doc, ""]
    for p in layer.parameters:
        default = "" if p.required else f" (default `{show_value(p.default)}`)"
        lines.append(f"- `{p.name}`: {p.doc}{default}")
    return "\n".join(lines).rstrip()


def block_text(block: tree.Block) -> str:
    return "\n".join([code(f"block {block_signature(block)}"), comment_above(block)]).rstrip()


def net_text(net: tree.Space | tree.Network, space: Space | None) -> str:
    """What a space or network is and costs, as Markdown."""
    claim = f" : {net.space.id}" if isinstance(net, tree.Network) and net.space is not None else ""
    lines = [code(f"{type(net).__name__.lower()} {net.name}{claim}"), comment_above(net)]
    cost = _cost(space) if space is not None else None
    if space is not None and (cost is not None or not (space.faults or space.analysis.failed)):
        inputs = " and ".join(map(input_text, space.inputs.each))
        costs = f"{cost_text(cost)}{'' if space.exact else ' (bounds)'}" if cost is not None else "costs not worked out"
        lines.append(f"{costs}, input {inputs}")
        if space.kind == "space":
            lines.append(f"{size_words(space)} in {len(space.choices)} choices")
    return "\n\n".join(filter(None, lines))


def _cost(space: Space) -> Cost | None:
    """None where a line has a fault, or where they are not worked out."""
    try:
        return space.cost
    except (UserError, VnsError):
        return None


def key_text(row: dict[str, str]) -> str:
    default = {"": "", "required": "required"}.get(row["default"], f"default `{row['default']}`")
    head = code(f"{row['name']} = {row['default'] or '...'}") if row["default"] != "required" else code(row["name"])
    return "\n".join([head, row["description"], "", ", ".join(filter(None, [row["type"], default]))])


def figures_text(line: LineFigures) -> str:
    """Shapes, MACs and parameters of a line."""
    if line.cost is None:
        return ""
    return f"`{shapes(line.before)}` -> `{output_text(line)}`: {cost_text(line.cost)}"


def code(text: str) -> str:
    return f"```vns\n{text}\n```"
