"""A network or space with named lines as a picture: a box for every line, an arrow for every line that it reads.

A space shows each line as it is written, with every edge that could be picked. Blocks that are handed lines (cells) are
drawn below, once each, with their own lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from vnasdsl.elaborate.space import Space
from vnasdsl.language.printer import print_inline
from vnasdsl.network.simplify import needs
from vnasdsl.network.trace import Tracer, Values, many
from vnasdsl.show.draw.graph import graph_picture
from vnasdsl.show.draw.picture import Picture
from vnasdsl.show.numbers import amount, count_words
from vnasdsl.space.counting import CannotCountError
from vnasdsl.space.elements import (
    BodyLayer,
    DeferredCall,
    Element,
    Group,
    Join,
    LayerCall,
    LayerChoice,
    Many,
    NameRef,
    Pick,
    Repeat,
    When,
    children,
)

if TYPE_CHECKING:
    import networkx

GAP = 26
MOST_CANDIDATES = 6
"""Candidates of one edge that are told one by one."""


def lines_picture(space: Space) -> Picture:
    """Raises: VnsError when a shape does not fit; UserError for more than 600 lines."""
    main = graph_picture(_network(space), _title(space))
    below = [graph_picture(_block(name, group), name) for name, group in _cells(space)]
    return _stacked(main, below) if below else main


def _title(space: Space) -> str:
    if space.kind == "network":
        claim = f", in {space.claim.name}" if space.claim else ""
        return f"{space.name}{claim}: {amount(space.macs[0])} MACs per clip, {amount(space.params[0])} parameters"
    try:
        size = "infinitely many" if space.size is None else count_words(space.size)
    except CannotCountError:
        return space.name
    return f"{space.name}: {size} networks"


def _stacked(main: Picture, below: list[Picture]) -> Picture:
    nodes, edges, texts, rects = list(main.nodes), list(main.edges), list(main.texts), list(main.rects)
    y, width = main.height, main.width
    said = [main.description]
    for number, picture in enumerate(below):
        down = y - GAP
        ids = f"{number}:"
        nodes += [replace(node.moved(0, down), id=ids + node.id) for node in picture.nodes]
        edges += [
            replace(
                edge,
                source=ids + edge.source,
                target=ids + edge.target,
                points=tuple((px, py + down) for px, py in edge.points),
            )
            for edge in picture.edges
        ]
        texts += [replace(text, y=text.y + down, size=13) for text in picture.texts]
        rects += [replace(rect, y=rect.y + down) for rect in picture.rects]
        y, width = down + picture.height, max(width, picture.width)
        said.append(picture.description)
    return replace(
        main,
        description=" ".join(said),
        width=width,
        height=y,
        nodes=tuple(nodes),
        edges=tuple(edges),
        texts=tuple(texts),
        rects=tuple(rects),
    )


# ------------------------------------------------------------------------ graphs


class _LineTracer(Tracer):
    """Remembers what each line gave."""

    def __init__(self, classes: int, every: bool):
        super().__init__(classes, every=every)
        self.gave: dict[int, tuple[Values, int, int]] = {}
        """For the elements of lines: the value, and the nodes from the first to the last that it took."""

    def walk(self, element: Element, x: Values, place: str, path: str, env: dict[str, Values]) -> Values:
        first = len(self.nodes)
        value = super().walk(element, x, place, path, env)
        self.gave[id(element)] = (value, first, len(self.nodes))
        return value


def _network(space: Space) -> networkx.DiGraph:
    """The lines of a space or network."""
    import networkx

    _ = space.cost if space.costed else None
    tracer = _LineTracer(space.input.classes, every=space.kind == "space")
    tracer.segments(space.segments, space.input.name, space.input.shape, space.syntax.span)
    view = networkx.DiGraph(name=space.name)
    view.add_node(space.input.name, operation="input", output_shape=space.input.shape, lines=[])
    env: dict[str, str] = {space.input.name: space.input.name}
    x = space.input.name
    for segment in space.segments:
        scope = dict(env) if segment.name else env
        x = _lines(view, segment.body, segment.name, x, scope, tracer)
    return view


def _block(name: str, group: Group) -> networkx.DiGraph:
    """The lines of a block; what it is handed stands in front of them."""
    import networkx

    view = networkx.DiGraph(name=name)
    env: dict[str, str] = {}
    for wire, _ in group.inputs:
        view.add_node(wire, operation="input", lines=[])
        env[wire] = wire
    x = ""
    if needs(replace(group, inputs=(), call=None)).x:
        x = "x"
        view.add_node(x, operation="input", lines=[])
    _lines(view, group, "", x, env, None)
    return view


def _lines(
    view: networkx.DiGraph, group: Group, stage: str, x: str, env: dict[str, str], tracer: _LineTracer | None
) -> str:
    for i, line in enumerate(group.lines):
        name = group.name_of(i)
        x = _add(view, line, name, stage, x, env, tracer)
        if name:
            env[name] = x
    if group.out is not None:
        x = _add(view, (group.out,), "out", stage, x, env, tracer)
    return x


def _add(
    view: networkx.DiGraph,
    line: tuple[Element, ...],
    name: str,
    stage: str,
    x: str,
    env: dict[str, str],
    tracer: _LineTracer | None,
) -> str:
    label = f"{stage}.{name or line[0].label}" if stage else name or line[0].label
    node, number = label, 1
    while node in view:
        number += 1
        node = f"{label}{number}"
    reads = needs(Group("", (line,), line[0].span))
    sources = [env[wire] for wire in _wires(line) if wire in env and wire in {n.partition("[")[0] for n in reads.names}]
    if reads.x and x:
        sources.append(x)
    facts = _facts(line, tracer) if tracer is not None else {}
    texts = list(_told(line))
    view.add_node(node, operation=" -> ".join(texts[:1]), head=name, lines=texts, group=stage, **facts)
    for source in dict.fromkeys(sources):
        view.add_edge(source, node)
    return node


def _facts(line: tuple[Element, ...], tracer: _LineTracer) -> dict[str, object]:
    """Shape and costs of a line; of a space nothing that depends on what is chosen."""
    gave = [tracer.gave[id(item)] for item in line if id(item) in tracer.gave]
    if not gave:
        return {}
    shapes = {tracer.nodes[n].shape for n in many(gave[-1][0])}
    shape = shapes.pop() if len(shapes) == 1 else None
    if tracer.every:
        return {"output_shape": shape}
    nodes = [tracer.nodes[n] for _, first, last in gave for n in range(first, last)]
    return {
        "output_shape": shape,
        "macs": sum(n.macs for n in nodes),
        "params": sum(n.params for n in nodes),
    }


def _wires(line: tuple[Element, ...]) -> list[str]:
    """The names a line reads, in the order of the text."""
    found: list[str] = []
    todo: list[Element] = list(reversed(line))
    while todo:
        element = todo.pop()
        if isinstance(element, NameRef):
            found.append(element.wire)
        below: list[Element] = [child for child, _ in children(element, "")]
        if isinstance(element, Group) and element.block is not None:
            below = [value for _, value in element.inputs]
        todo += reversed(below)
    return list(dict.fromkeys(found))


def _cells(space: Space) -> Iterator[tuple[str, Group]]:
    """Every block that is handed lines, once."""
    seen: set[str] = set()
    todo: list[Element] = [segment.body for segment in reversed(space.segments)]
    while todo:
        element = todo.pop()
        if isinstance(element, Group) and element.block is not None and element.inputs and element.block not in seen:
            seen.add(element.block)
            tied = "tied block" if element.tied else "block"
            values = [name for name, _ in element.inputs]
            yield (
                f"{tied} {element.block}({', '.join(values)}, ...)"
                if element.bound
                else (f"{tied} {element.block}({', '.join(values)})"),
                element,
            )
        todo += reversed([child for child, _ in children(element, "")])


# ------------------------------------------------------------------------- texts


def _told(line: tuple[Element, ...]) -> Iterator[str]:
    """What a box says: the layers of the line, then what each of its edges may be."""
    yield " -> ".join(_text(item) for item in line)
    for item in line:
        yield from _edges(item)


def _text(element: Element) -> str:
    match element:
        case LayerCall():
            return print_inline(element.call)
        case NameRef():
            return element.wire if element.index is None else f"{element.wire}[{element.index}]"
        case BodyLayer():
            inner = ", ".join(_text(Group("", (line,), element.span)) for line in element.body.lines)
            return f"{print_inline(element.call)} {{ {inner} }}"
        case Join():
            return f"{element.layer.name}({', '.join(_input(i) for i in element.inputs)})"
        case Many():
            return f"[{_many(element)}]"
        case Group() if element.block is not None:
            return _source(element) if element.call is None else print_inline(element.call)
        case Group():
            return " -> ".join(_text(item) for item in element.items)
        case Repeat() if element.items:
            return f"{len(element.items)} * {_text(element.items[0])}"
        case LayerChoice() if element.key == "op":
            return " | ".join(option.text for option in element.options)
        case LayerChoice():  # of a value: as the call is written
            first = element.options[0].element
            return _text(first) if isinstance(first, LayerChoice) else _source(first)
        case DeferredCall() | When() | Pick() | Repeat():
            return _source(element)


def _source(element: Element) -> str:
    return " ".join(element.span.text.split())


def _input(element: Element) -> str:
    """An input of a join: what is picked, or the line that it begins with."""
    match element:
        case Pick():
            count = str(element.least) if element.least == element.most else f"{element.least}..{element.most}"
            return f"pick {count} of {len(element.options)}"
        case Group() if element.items and isinstance(element.items[0], NameRef):
            return _text(element.items[0])
    return _text(element)


def _many(element: Many) -> str:
    texts = [_text(item) for item in element.items]
    if len(set(texts)) == 1 and len(texts) > 1:
        return f"{len(texts)} * {texts[0]}"
    return ", ".join(texts)


def _edges(element: Element) -> Iterator[str]:
    """The candidates of each edge that can be picked, edges with the same ones together."""
    if isinstance(element, Join):
        told: dict[str, list[str]] = {}
        options = [o.element for item in element.inputs if isinstance(item, Pick) for o in item.options]
        for option in (*options, *(i for i in element.inputs if not isinstance(i, Pick))):
            if isinstance(option, Group) and len(option.items) > 1 and isinstance(option.items[0], NameRef):
                rest = " -> ".join(_inside(item) for item in option.items[1:])
                told.setdefault(rest, []).append(_text(option.items[0]))
        for rest, names in told.items():
            yield f"{', '.join(names)} -> {rest}"
    elif isinstance(element, (Group, Repeat)) and (not isinstance(element, Group) or element.block is None):
        for item in element.items:
            yield from _edges(item)
    elif isinstance(element, Many):
        yield from _edges(element.items[0])


def _inside(element: Element) -> str:
    """A layer behind the line that an edge reads; a block that is a choice shows its options."""
    if isinstance(element, Group) and element.block is not None and len(element.items) == 1:
        only = element.items[0]
        if isinstance(only, LayerChoice) and len(only.options) <= MOST_CANDIDATES:
            return _text(only)
    return _text(element)
