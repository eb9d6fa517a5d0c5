"""What a name means, and what a line makes of its input."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from vnasdsl.language import tree
from vnasdsl.language.query import path_at
from vnasdsl.language.source import Span
from vnasdsl.layers.base import Layer
from vnasdsl.lsp import describe, navigation
from vnasdsl.lsp.analysis import Analysis
from vnasdsl.lsp.documents import Documents, Text
from vnasdsl.show.figures import LineFigures
from vnasdsl.train.recipe_parts import PARTS
from vnasdsl.train.recipes import KINDS, recipe_fields


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
        parts.append((line.span, describe.figures_text(line)))
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
            return here.span, describe.block_text(definitions.blocks[symbol.name])
        case "space" | "network" if symbol.name in definitions.nets:
            net = definitions.nets[symbol.name]
            return here.span, describe.net_text(net, spaces.get(symbol.name))
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
            return node.span, describe.layer_text(layers[node.id])
        if isinstance(node, tree.Argument) and node.name is not None and depth:
            span, call = node.span.first(len(node.name)), path[depth - 1]
            if isinstance(call, tree.Call) and call.function in layers and offset <= span.end:
                parameters = layers[call.function].parameters
                found = next((p for p in parameters if p.name == node.name), None)
                return (span, f"`{found.name}`: {found.doc}") if found else None
        if isinstance(node, tree.Call) and node.function_span is not None and node.function in layers:
            if node.function_span.start <= offset <= node.function_span.end:
                return node.function_span, describe.layer_text(layers[node.function])
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
    row = next((row for row in describe.recipe_rows(owner) if row["name"] == name), None)
    return (span, describe.key_text(row)) if row is not None else None


def _figures(analysis: Analysis, path: tuple[tree.Node, ...]) -> LineFigures | None:
    """The figures of the innermost line around a place, or of the stage."""
    for node in reversed(path):
        if isinstance(node, tree.Line | tree.Wire | tree.Stage):
            lines = [line for line in analysis.figures if line.whole == isinstance(node, tree.Stage)]
            inside = [n for n in lines if node.span.start <= n.span.start and n.span.end <= node.span.end]
            return max(inside, key=lambda line: line.span.end - line.span.start, default=None)
    return None
