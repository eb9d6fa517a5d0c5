"""From layers back to text: the lines of a network whose choices have been made."""

from __future__ import annotations

from dataclasses import replace

from vnasdsl.language import tree
from vnasdsl.language.source import Span
from vnasdsl.space.elements import Alternatives, Element, Group, Op, Repeat, Segment, Wrap

Lines = list[list[tree.Expression]]


def statements(segments: tuple[Segment, ...]) -> tuple[tree.Statement, ...]:
    """The body of a network: one line for every layer that is left, skipped layers gone (rule 4 of the language)."""
    body: list[tree.Statement] = []
    for segment in segments:
        inner = body_of(segment.body)
        if segment.name:
            span = segment.body.span
            body.append(tree.Stage(segment.name, inner, span=span, name_span=span))
        else:
            body.extend(inner)
    return tuple(body)


def body_of(group: Group) -> tuple[tree.Statement, ...]:
    lines: Lines = []
    for line in group.lines:
        lines += _joined([_lines(element) for element in line])
    return tuple(_statement(line, group.span) for line in lines if line)


def _statement(line: list[tree.Expression], span: Span) -> tree.Line:
    value = line[0] if len(line) == 1 else tree.Chain(tuple(line), span=span)
    return tree.Line(value, span=span)


def _joined(parts: list[Lines]) -> Lines:
    """The lines of elements that stood in one line: a part of several lines ends the line it began in."""
    if all(len(part) <= 1 for part in parts):
        return [[expression for part in parts for line in part for expression in line]]
    return [line for part in parts for line in part]


def _lines(element: Element) -> Lines:
    match element:
        case Op():
            return [] if element.layer.name == "skip" else [[element.call]]
        case Wrap():
            inner = body_of(element.body)
            if not inner:
                skip = tree.Name("skip", span=element.span)
                inner = (tree.Line(skip, span=element.span),)
            return [[replace(element.call, body=inner)]]
        case Group() if element.call is not None:
            return [[element.call]]
        case Group():
            return [line for part in element.lines for line in _joined([_lines(item) for item in part]) if line]
        case Repeat():
            return [line for item in element.items for line in _lines(item)]
        case Alternatives():
            raise ValueError("a choice is still open")


def blocks_used(body: tuple[tree.Statement, ...], blocks: dict[str, tree.Block]) -> list[tree.Block]:
    """The blocks that lines call, directly or through other blocks, in the order of their definition."""
    from vnasdsl.space.definitions import nodes

    used: set[str] = set()
    todo: list[tree.Statement] = list(body)
    while todo:
        for node in nodes(todo.pop()):
            name = node.function if isinstance(node, tree.Call) else node.id if isinstance(node, tree.Name) else None
            if name in blocks and name not in used:
                used.add(name)
                todo.extend(blocks[name].body)
    return [block for name, block in blocks.items() if name in used]
