"""A space at every stage of the compiler as text, and as one object for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from vnasdsl.elaborate.inputs import OpenInput
from vnasdsl.elaborate.space import Space
from vnasdsl.language import tree
from vnasdsl.language.printer import print_inline
from vnasdsl.layers.base import Value, show_shape, show_value
from vnasdsl.show.draw.texts import field_options, number_range, text_of
from vnasdsl.show.table import input_text, known_size
from vnasdsl.space.elements import (
    BodyLayer,
    Choice,
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


def as_object(space: Space) -> dict[str, Any]:
    """What `show --json` prints.

    A space has its costs as {"min", "max"} with "exact": whether a network has both, or they are bounds; null where
    they are not worked out. The layers of a space have the last option of each choice between numbers, and equal copies
    once. "size" is null for infinitely many networks, and where they cannot be counted.
    """
    network = space.kind == "network"
    size = known_size(space)
    return {
        "name": space.name,
        "kind": space.kind,
        "size": None if size is None else str(size),  # as text: some programs lose digits
        "input": _input(space.inputs.each[0]),
        **({"inputs": [_input(one) for one in space.inputs.each]} if len(space.inputs.each) > 1 else {}),
        "claim": space.claim.name if space.claim else None,
        "macs": space.macs[0] if network else _ends(space, "macs"),
        "params": space.params[0] if network else _ends(space, "params"),
        "limits": [limit.condition.span.text for limit in space.limits],
        "choices": [_choice(c) for c in space.choices],
        "layers": _layers(space),
    }


def _input(one: OpenInput) -> dict[str, Any]:
    """What is given of an input, or the options where it is open. A size that is no square is [rows, columns]."""
    given = one.given
    kind = {} if given.kind == "video" else {"kind": given.kind}
    found: dict[str, Any] = {"name": given.name, **kind}
    for name in ("channels", "frames", "size", "bins", "frame_stride", "segments", "classes"):
        options = one.options(name)
        if name in given.parameters and (name != "channels" or kind or options != (3,)):
            found[name] = options[0] if len(options) == 1 else list(options)
    return found


def _ends(space: Space, quantity: str) -> dict[str, Any] | None:
    if not space.costed:
        return None
    low, high = space.macs if quantity == "macs" else space.params
    exact = {f"{quantity}_min", f"{quantity}_max"} <= space.exact_ends
    return {"min": low, "max": high, "exact": exact}


def _choice(choice: Choice) -> dict[str, Any]:
    found: dict[str, Any] = {"name": choice.name, "kind": choice.kind, "options": list(choice.options)}
    if choice.is_subset:
        found |= {"least": choice.least, "most": choice.most}
    if choice.is_real:
        found |= {"low": choice.low, "high": choice.high}
    return found


def _layers(space: Space) -> list[dict[str, Any]]:
    return [
        {
            "label": row.label,
            "operation": row.operation,
            "input_shape": list(row.input_shape),
            "output_shape": list(row.shape),
            "macs": row.macs,
            "params": row.params,
            "activation_bytes": row.activation_bytes,
            "attributes": dict(row.attributes),
        }
        for row in space.layers()
    ]


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
    """What stands at a place, and below it its parts; lines that only follow one another are not set off."""
    here = inside(element, path)
    place = join(path, element.label) or "-"
    said = []
    match element:
        case Group() if element.block is not None:
            bound = ", ".join(f"{name}={show_value(value)}" for name, value in element.bound)
            said = [f"{'tied ' if element.tied else ''}block {element.block}({bound})"]
        case LayerChoice() | Pick():
            count = f"{number_range(element.least, element.most)} of " if isinstance(element, Pick) else ""
            options = " | ".join(option.text for option in element.options)
            said = [f"choice {join(here, element.key)} of kind {element.kind}: {count}{options}"]
        case DeferredCall():
            said = [f"{place} = {text_of(element)}, with the first option of each choice"]
            said += [f"choice {join(here, f.key)} of kind {f.kind}: {field_options(f)}" for f in element.fields]
        case LayerCall() | Join():
            given = ", ".join(f"{name}={_argument(value)}" for name, value in element.arguments)
            said = [f"{place} = {element.layer.name}({given})"]
        case NameRef():
            said = [f"{place} = {text_of(element)}"]
        case When():
            said = [f"if {print_inline(element.test)}, else"]
        case BodyLayer():
            said = [element.layer.name]
        case Repeat() | Many():
            said = [f"{len(element.items)} {'copies' if isinstance(element, Repeat) else 'values'}"]
    yield from ("  " * depth + line for line in said)
    for part, at in children(element, path):
        yield from _elements(part, at, depth + bool(said))


def _argument(value: Value) -> str:
    return print_inline(value.expression) if isinstance(value, FromShape) else show_value(value)


def emit_graph(space: Space) -> str:
    """Nodes with shapes, MACs and parameters, then the edges: of a network its layers, of a space its outline."""
    graph = space.outline
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
