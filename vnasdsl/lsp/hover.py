"""What a name means, and what a line makes of its input."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise

from vnasdsl.elaborate import Space
from vnasdsl.elaborate.definitions import block_signature
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.query import path_at
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Layer, show_value
from vnasdsl.lsp import navigation
from vnasdsl.lsp.documents import Analysis, Documents, Text
from vnasdsl.show.figures import LineFigures
from vnasdsl.show.table import cost_text, input_text, output_text, shapes, size_words
from vnasdsl.space.ways import Cost
from vnasdsl.train.recipe_parts import PARTS
from vnasdsl.train.recipes import KINDS, recipe_fields


@cache
def recipe_rows(owner: str) -> tuple[dict[str, str], ...]:
    """The keys of a kind of recipe (`search`) or of a part (`sgd(...)`): name, type, default, description."""
    from vnasdsl.train.recipe_text import recipe_keys

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


def hover(documents: Documents, text: Text, analysis: Analysis | None, offset: int) -> tuple[Span, str] | None:
    """A span and what to show for it as Markdown; `analysis` is None while it is still being made."""
    if text.module is None:
        return None
    path = path_at(text.module, offset)
    meaning = (
        _key(path, offset)
        or _name(documents, text, analysis, offset)
        or _layer(path, offset, documents.catalogue(text).layers)
    )
    line = _figures(analysis, path) if analysis is not None else None
    parts = [meaning] if meaning else []
    if line is not None:
        parts.append((line.span, figures_text(line)))
    shown = [shown for _, shown in parts if shown]
    return (parts[0][0], "\n\n---\n\n".join(shown)) if shown else None


def _name(documents: Documents, text: Text, analysis: Analysis | None, offset: int) -> tuple[Span, str] | None:
    here = navigation.at(documents, text, offset)
    if here is None:
        return None
    symbol = here.symbol
    definitions = documents.definitions(text)
    spaces = dict(analysis.sizes) if analysis is not None else {}
    match symbol.kind:
        case "block" if symbol.name in definitions.blocks:
            return here.span, block_text(definitions.blocks[symbol.name])
        case "space" | "network" if symbol.name in definitions.nets:
            net = definitions.nets[symbol.name]
            return here.span, net_text(net, spaces.get(symbol.name))
        case "parameter":
            parameter = definitions.ends_in(symbol.owner, symbol.name)
            doc = f": {parameter.doc}" if parameter else ""
            return here.span, f"`{symbol.name}`, parameter of `{symbol.owner}`{doc}"
        case "label" | "stage" | "input" | "recipe":
            kind = "line" if symbol.kind == "label" else symbol.kind
            return here.span, f"{kind} `{symbol.name}`" + (f" of `{symbol.owner}`" if symbol.owner else "")
    return None


def _layer(path: tuple[tree.Node, ...], offset: int, layers: Mapping[str, Layer]) -> tuple[Span, str] | None:
    """A layer of the catalogue, or a parameter of one that is given by name."""
    for depth, node in reversed(list(enumerate(path))):
        if isinstance(node, tree.Name) and node.id in layers:
            return node.span, layer_text(layers[node.id])
        if isinstance(node, tree.Argument) and node.name is not None and depth:
            span, call = node.span.first(len(node.name)), path[depth - 1]
            if isinstance(call, tree.Call) and call.function in layers and offset <= span.end:
                parameters = layers[call.function].parameters
                found = next((p for p in parameters if p.name == node.name), None)
                return (span, f"`{found.name}`: {found.doc}") if found else None
        if isinstance(node, tree.Call) and node.function_span is not None and node.function in layers:
            if node.function_span.start <= offset <= node.function_span.end:
                return node.function_span, layer_text(layers[node.function])
            return None
    return None


def _key(path: tuple[tree.Node, ...], offset: int) -> tuple[Span, str] | None:
    """A key of a recipe, or of a part of one."""
    recipe = next((node for node in path if isinstance(node, tree.Recipe)), None)
    entry = next((node for node in path if isinstance(node, tree.Entry)), None)
    if recipe is None or entry is None or recipe.kind not in KINDS:
        return None
    if entry.key_span.start <= offset <= entry.key_span.end:
        head, _, rest = entry.key.partition(".")
        field = recipe_fields(recipe.kind).get(head)
        part = getattr(field.default, "kind", "") if field is not None else ""
        return _row(f"{part}(...)" if rest else recipe.kind, rest or head, entry.key_span)
    for outer, node in pairwise(path):
        if isinstance(node, tree.Argument) and node.name is not None and isinstance(outer, tree.Call):
            span = node.span.first(len(node.name))
            if span.start <= offset <= span.end:
                return _row(f"{outer.function}(...)", node.name, span)
    call = path[-1]
    name = call.function if isinstance(call, tree.Call) else call.id if isinstance(call, tree.Name) else ""
    return (call.span.first(len(name)), (PARTS[name].__doc__ or "").strip()) if name in PARTS else None


def _row(owner: str, name: str, span: Span) -> tuple[Span, str] | None:
    row = next((row for row in recipe_rows(owner) if row["name"] == name), None)
    return (span, key_text(row)) if row is not None else None


def _figures(analysis: Analysis, path: tuple[tree.Node, ...]) -> LineFigures | None:
    """The figures of the innermost line around a place, or of the stage."""
    for node in reversed(path):
        if isinstance(node, tree.Line | tree.Wire | tree.Stage):
            lines = [line for line in analysis.figures if line.whole == isinstance(node, tree.Stage)]
            inside = [n for n in lines if node.span.start <= n.span.start and n.span.end <= node.span.end]
            return max(inside, key=lambda line: line.span.end - line.span.start, default=None)
    return None
