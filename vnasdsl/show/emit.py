"""The stages of the compiler as text: the syntax tree, the space expanded from it, the graph of its layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from vnasdsl.elaborate.space import Space
from vnasdsl.language import tree
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Value, show_shape, show_value
from vnasdsl.show.draw.texts import number_range
from vnasdsl.show.table import input_text
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    FromShape,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Pick,
    Repeat,
    When,
    inside,
    join,
)
from vnasdsl.space.parts import children


def emit_tree(module: tree.Module, name: str | None = None) -> str:
    """The syntax tree without places, a node a line, parts indented; of one definition when `name` is given."""
    items = module.items if name is None else tuple(i for i in module.items if getattr(i, "name", None) == name)
    return "\n".join(line for item in items for line in _node("", item, 0))


def _node(role: str, node: tree.Node, depth: int) -> Iterator[str]:
    """`role: Kind plain values` and below it what it holds."""
    plain: list[str] = []
    below: list[tuple[str, object]] = []
    for field in fields(node):
        value = getattr(node, field.name)
        if not field.compare or value is None:
            continue
        if isinstance(value, tree.Node) or (isinstance(value, tuple) and any(isinstance(v, tree.Node) for v in value)):
            below.append((field.name, value))
        elif value not in ((), "", False):
            plain.append(f"{field.name}={value!r}")
    head = f"{role}: " if role else ""
    yield "  " * depth + " ".join([head + type(node).__name__, *plain])
    for role, value in below:
        if isinstance(value, tree.Node):
            yield from _node(role, value, depth + 1)
        elif isinstance(value, tuple):
            yield "  " * (depth + 1) + f"{role}:"
            for item in value:
                yield from _node("", item, depth + 2)


def emit_space(space: Space) -> str:
    """The space after blocks are expanded: a layer a line with its name, every choice with its name and options."""
    claim = f" : {space.claim.name}" if space.claim else ""
    lines = [f"{space.kind} {space.name}{claim}", *(f"  input {input_text(one)}" for one in space.inputs.each)]
    for segment in space.segments:
        lines.append(f"  stage {segment.name}" if segment.name else "  outside of stages")
        lines += _elements(segment.body, "", 2)
    lines += [f"  require {limit.condition.span.text}" for limit in space.limits]
    return "\n".join(lines)


def _elements(element: Element, path: str, depth: int) -> Iterator[str]:
    here = inside(element, path)
    place = join(path, element.label) or "-"
    pad = "  " * depth
    match element:
        case Group():
            yield from _group(element, path, depth)
            return
        case When():
            for word, part in ((f"if {print_inline(element.test)}", element.then), ("else", element.otherwise)):
                yield f"{pad}{word}"
                yield from _elements(part, here, depth + 1)
            return
        case Pick() | LayerChoice():
            count, word = "", "option"
            if isinstance(element, Pick):
                count, word = f": {number_range(element.least, element.most)} of", "item"
            yield f"{pad}choice {join(here, element.key)} of kind {element.kind}{count}"
            for option in element.options:
                yield f"{pad}  {word} {option.text}"
                yield from _elements(option.element, here, depth + 2)
            return
        case DeferredCall():
            yield f"{pad}{place} = {' '.join(print_inline(element.call).split())}"
            for field in element.fields:
                options = ", ".join(field.options) or f"{field.low}..{field.high}"
                yield f"{pad}  choice {join(here, field.key)} of kind {field.kind}: {options}"
            return
        case LayerCall() | Join():
            given = ", ".join(f"{name}={_argument(value)}" for name, value in element.arguments)
            yield f"{pad}{place} = {element.layer.name}({given}){' of' if isinstance(element, Join) else ''}"
        case NameRef():
            yield f"{pad}{place} = read {element.wire}{'' if element.index is None else f'[{element.index}]'}"
        case BodyLayer():
            yield f"{pad}{element.layer.name}"
        case Many():
            yield f"{pad}list of {len(element.items)}"
        case Repeat():
            yield f"{pad}{len(element.items)} copies"
    for part, at in children(element, path):
        yield from _elements(part, at, depth + 1)


def _argument(value: Value) -> str:
    return print_inline(value.expression) if isinstance(value, FromShape) else show_value(value)


def _group(group: Group, path: str, depth: int) -> Iterator[str]:
    here = inside(group, path)
    pad = "  " * depth
    if group.block is not None:
        bound = ", ".join(f"{name}={show_value(value)}" for name, value in group.bound)
        yield f"{pad}{'tied ' if group.tied else ''}block {group.block}({bound})"
        depth += 1
        for name, value in group.inputs:
            yield f"{pad}  input {name}"
            yield from _elements(value, path, depth + 1)
    for i, line in enumerate(group.lines):
        name = group.name_of(i)
        if name:
            yield f"{'  ' * depth}line {name}"
        for item in line:
            yield from _elements(item, here, depth + 1 if name else depth)
    if group.out is not None:
        yield f"{'  ' * depth}out"
        yield from _elements(group.out, here, depth + 1)


def emit_graph(space: Space) -> str:
    """Nodes with shapes, MACs and parameters, then the edges: of a network its layers, of a space its supernet."""
    from vnasdsl.relax.layer_graph import layer_graph

    graph = layer_graph(space)
    pairs = [(source, node.label) for node in graph.order for source in node.inputs]
    lines = [f"graph {space.name}: {len(graph.order)} nodes, {len(pairs)} edges"]
    for node in graph.order:
        attributes = "".join(f" {name}={show_value(value)}" for name, value in node.attributes)
        lines.append(
            f"node {node.label}: {node.operation}{attributes}\n"
            f"  {show_shape(node.input_shape)} -> {show_shape(node.shape)}, {node.macs} MACs, {node.params} params"
        )
    lines += [f"edge {source} -> {target}" for source, target in pairs]
    return "\n".join(lines)
