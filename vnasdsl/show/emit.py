"""The stages of the compiler as text: the syntax tree, the space expanded from it, the graph of its layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from vnasdsl.language import tree
from vnasdsl.layers.base import show_shape, show_value
from vnasdsl.space.elements import Alternatives, Element, Group, Op, Repeat, Wrap, join
from vnasdsl.space.space import Space


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
    video = space.input
    lines = [
        f"{space.kind} {space.name}{claim}",
        f"  input {video.name} frames={video.frames} size={video.size} frame_stride={video.frame_stride}"
        f" classes={video.classes}",
    ]
    for segment in space.segments:
        lines.append(f"  stage {segment.name}" if segment.name else "  outside of stages")
        lines += _elements(segment.body, "", 2)
    lines += [f"  require {limit.condition.span.text}" for limit in space.limits]
    return "\n".join(lines)


def _elements(element: Element, path: str, depth: int) -> Iterator[str]:
    here = join(path, element.label)
    pad = "  " * depth
    match element:
        case Op():
            arguments = ", ".join(f"{name}={show_value(value)}" for name, value in element.arguments)
            yield f"{pad}{here or '-'} = {element.layer.name}({arguments})"
        case Group():
            deeper = depth
            if element.block is not None:
                bound = ", ".join(f"{name}={show_value(value)}" for name, value in element.bound)
                yield f"{pad}block {element.block}({bound})"
                deeper += 1
            for item in element.items:
                yield from _elements(item, here, deeper)
        case Wrap():
            yield f"{pad}{element.layer.name}"
            yield from _elements(element.body, here, depth + 1)
        case Repeat():
            yield f"{pad}{len(element.items)} copies"
            for i, item in enumerate(element.items):
                yield from _elements(item, f"{here}[{i}]", depth + 1)
        case Alternatives():
            yield f"{pad}choice {join(here, element.key)} of kind {element.kind}"
            for option in element.options:
                yield f"{pad}  option {option.text}"
                yield from _elements(option.element, here, depth + 2)


def emit_graph(space: Space) -> str:
    """Nodes with shapes, MACs and parameters, then the edges: of a network its layers, of a space its supernet."""
    from vnasdsl.space.graph import build_graph

    built = build_graph(space)
    lines = [f"graph {space.name}: {len(built.rows)} nodes, {len(built.edges)} edges"]
    for row in built.rows.values():
        attributes = "".join(f" {name}={show_value(value)}" for name, value in row.attributes)
        lines.append(
            f"node {row.label}: {row.operation}{attributes}\n"
            f"  {show_shape(row.input_shape)} -> {show_shape(row.output_shape)}, {row.macs} MACs, {row.params} params"
        )
    lines += [f"edge {source} -> {target}" for source, target in built.edges]
    return "\n".join(lines)
