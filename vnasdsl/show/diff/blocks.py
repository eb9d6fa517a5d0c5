"""Blocks whose own lines changed. Each is reported once, with the stages that use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from vnasdsl.elaborate import Space
from vnasdsl.elaborate.names import Namer
from vnasdsl.elaborate.scope import Scope
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.parser import parse
from vnasdsl.language.printer import print_inline
from vnasdsl.language.source import Source
from vnasdsl.show.diff.model import BlockChange, BlockUse, LineChange
from vnasdsl.show.diff.rows import Row, RowMaker
from vnasdsl.space.elements import Element, Group, Segment
from vnasdsl.space.parts import children, kept
from vnasdsl.space.values import expression_of, substitute

HANDED = "handed_"
"""Begins the names that stand for arguments that are lines."""
Use = tuple[str, tuple[tuple[str, str], ...]]
"""A block, with the text of each argument by parameter."""
CompareRows = Callable[[Sequence[Row], Sequence[Row]], tuple[LineChange, ...]]


@kept
def uses(element: Element) -> dict[Use, None]:
    """The uses of blocks in an element and in the blocks it uses, inner ones first."""
    found: dict[Use, None] = {}
    for child in {id(child): child for child, _ in children(element, "")}.values():
        found |= uses(child)
    if isinstance(element, Group) and element.block is not None:
        values = [(name, print_inline(expression_of(value, element.span))) for name, value in element.bound]
        lines = [(name, f"{HANDED}{name}") for name, _ in element.inputs]
        found[element.block, (*values, *lines)] = None
    return found


def blocks_of(space: Space) -> dict[str, list[tuple[str, ...]]]:
    """The blocks that a space uses, inner ones first, with the arguments of each different use."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for name, arguments in {use: None for segment in space.segments for use in uses(segment.body)}:
        texts = dict(arguments)
        parameters = space.definitions.blocks[name].parameters
        found.setdefault(name, []).append(tuple(texts[p.name] for p in parameters if p.name in texts))
    return found


def block_changes(left: RowMaker, right: RowMaker, compare_rows: CompareRows) -> list[BlockChange]:
    """Blocks that were changed or renamed. From here on the meanings of the two sides know them."""
    meanings = left.meanings
    before, after = left.space.definitions.blocks, right.space.definitions.blocks
    used = blocks_of(left.space), blocks_of(right.space)
    new = [name for name in used[1] if name not in before]
    found: list[BlockChange] = []

    def pairs(old: str, name: str) -> Iterator[tuple[Group, Group]]:
        """The block of both sides with the arguments of every use."""
        for arguments in dict.fromkeys([*used[0][old], *used[1].get(name, ())]):
            a, b = expanded(left, old, arguments), expanded(right, name, arguments)
            if a is not None and b is not None:
                yield a, b

    def differ(pair: tuple[Group, Group]) -> bool:
        return meanings.of(pair[0]) != meanings.of(pair[1])

    def change(kind: Literal["changed", "renamed"], old: str, name: str, lines: tuple[LineChange, ...] = ()) -> None:
        uses = _places(right.space.segments, name)
        found.append(BlockChange(kind, signature(before[old]), signature(after[name]), lines, uses))

    for old in used[0]:
        if old in after:
            alike = _numbered(before[old]) == _numbered(after[old])
            pair = None if alike else next(filter(differ, pairs(old, old)), None)
            if pair is not None:
                change("changed", old, old, compare_rows(*_rows(left, right, old, *pair)))
                meanings.add_changed(old)
            continue
        for name in new:
            each = list(pairs(old, name))
            if each and not any(map(differ, each)):
                change("renamed", old, name)
                meanings.renamed[name] = old
                new.remove(name)
                break
    return found


def _places(segments: Sequence[Segment], block: str) -> tuple[BlockUse, ...]:
    """The stages that use a block, with the number of their lines that do."""
    counted: dict[str, int] = {}
    for segment in segments:
        for line in segment.body.lines:
            if any(name == block for item in line for name, _ in uses(item)):
                counted[segment.name] = counted.get(segment.name, 0) + 1
    return tuple(BlockUse(stage, lines) for stage, lines in counted.items())


def expanded(maker: RowMaker, name: str, arguments: Sequence[str]) -> Group | None:
    """A block with some arguments as one side defines it; None if it does not take them."""
    try:
        module = parse(Source("<use>", f"block b {{\n{name}({', '.join(arguments)})\n}}\n"))
        line = module.items[0].body[0] if isinstance(module.items[0], tree.Block) else None
        if not isinstance(line, tree.Line) or not isinstance(line.value, tree.Call):
            return None
        wires = frozenset(text for text in arguments if text.startswith(HANDED))
        found = maker.expander.call(line.value, Scope(Namer(), wires), "")
    except VnsError:
        return None
    return found if isinstance(found, Group) else None


def _rows(left: RowMaker, right: RowMaker, name: str, a: Group, b: Group) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The lines of a block on both sides, with the parameter names of the first."""
    old, new = left.space.definitions.blocks[name], right.space.definitions.blocks[name]
    if len(old.parameters) == len(new.parameters):
        new = _renamed(new, {q.name: p.name for p, q in zip(old.parameters, new.parameters, strict=True)})
    return left.rows(a, old.body, costed=False), right.rows(b, new.body, costed=False)


def _renamed(block: tree.Block, names: Mapping[str, str]) -> tree.Block:
    """The block with other names for its parameters."""
    values: dict[str, tree.Expression] = {old: tree.Name(new, span=block.span) for old, new in names.items()}
    parameters = tuple(replace(p, name=names.get(p.name, p.name)) for p in block.parameters)
    body = tuple(substitute(statement, values) for statement in block.body)
    return replace(block, parameters=parameters, body=body)  # type: ignore[arg-type]


def signature(block: tree.Block) -> str:
    """`basic(dilation, kernel=3)`."""
    parameters = [p.name if p.default is None else f"{p.name}={print_inline(p.default)}" for p in block.parameters]
    named = f"{block.name}({', '.join(parameters)})" if parameters else block.name
    return f"tied {named}" if block.tied else named


def unused_changes(before: Mapping[str, tree.Block], after: Mapping[str, tree.Block]) -> Iterator[BlockChange]:
    """Changes of blocks that no space uses. They are compared as syntax."""
    for name, block in before.items():
        if name not in after:
            yield BlockChange("removed", signature(block), None)
        elif _numbered(block) != _numbered(after[name]):
            yield BlockChange("changed", signature(block), signature(after[name]))
    for name, block in after.items():
        if name not in before:
            yield BlockChange("added", None, signature(block))


def _numbered(block: tree.Block) -> tree.Block:
    """The block with parameters named by their places."""
    return _renamed(block, {p.name: f"parameter {i}" for i, p in enumerate(block.parameters)})
