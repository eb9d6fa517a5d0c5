"""Blocks whose own lines changed. Each is reported once, with the stages that use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from vnasdsl.elaborate import Space
from vnasdsl.language import tree
from vnasdsl.language.printer import print_inline
from vnasdsl.show.diff.model import BlockChange, BlockUse, LineChange
from vnasdsl.show.diff.rows import Row, RowMaker
from vnasdsl.space.elements import Element, Group, Segment
from vnasdsl.space.parts import children, kept
from vnasdsl.space.values import expression_of, substitute

CompareRows = Callable[[Sequence[Row], Sequence[Row]], tuple[LineChange, ...]]
Arguments = tuple[tuple[int, str], ...]
"""The values of a block's parameters by place, without those that are the default."""


@kept
def uses(element: Element) -> dict[tuple[str, str], Group]:
    """The uses of blocks with different values in an element and in the blocks it uses, inner ones first."""
    found: dict[tuple[str, str], Group] = {}
    for child in {id(child): child for child, _ in children(element, "")}.values():
        found |= uses(child)
    if isinstance(element, Group) and element.block is not None:
        found[element.block, repr(element.bound)] = element
    return found


def blocks_of(space: Space) -> dict[str, dict[Arguments, Group]]:
    """The blocks that a space uses, inner ones first."""
    found: dict[str, dict[Arguments, Group]] = {}
    for group in (group for segment in space.segments for group in uses(segment.body).values()):
        assert group.block is not None
        parameters = space.definitions.blocks[group.block].parameters
        texts = {name: print_inline(expression_of(value, group.span)) for name, value in group.bound}
        written = [(i, texts[p.name], p.default) for i, p in enumerate(parameters) if p.name in texts]
        own = tuple((i, text) for i, text, default in written if default is None or print_inline(default) != text)
        found.setdefault(group.block, {})[own] = group
    return found


def block_changes(left: RowMaker, right: RowMaker, compare_rows: CompareRows) -> list[BlockChange]:
    """Blocks that were changed or renamed. From here on the meanings of the two sides know those that were changed.

    A block is unchanged if its source is, or if it means the same with all values that both sides use it with.
    """
    before, after = left.space.definitions.blocks, right.space.definitions.blocks
    old, new = blocks_of(left.space), blocks_of(right.space)
    found: list[BlockChange] = []

    def alike(name: str, other: str) -> bool:
        common = [(group, new[other][values]) for values, group in old[name].items() if values in new.get(other, ())]
        return bool(common) and all(left.meanings.of_body(a) == right.meanings.of_body(b) for a, b in common)

    for name in old:
        if name not in after:
            renamed = next((other for other in new if other not in before and alike(name, other)), None)
            if renamed is not None:
                places = _places(right.space.segments, renamed)
                found.append(BlockChange("renamed", signature(before[name]), signature(after[renamed]), (), places))
                del new[renamed]
        elif _numbered(before[name]) != _numbered(after[name]) and not alike(name, name):
            a, b = before[name], after[name]
            gone = [p.name for p in a.parameters if p.name not in {q.name for q in b.parameters}]
            come = [q.name for q in b.parameters if q.name not in {p.name for p in a.parameters}]
            same = dict(zip(come, gone, strict=False))
            lines = compare_rows(left.source_rows(a.body), right.source_rows(_renamed(b, same).body))
            places = _places(right.space.segments, name)
            found.append(BlockChange("changed", signature(a), signature(b), lines, places))
            left.meanings.add_changed(name)
    return found


def _places(segments: Sequence[Segment], block: str) -> tuple[BlockUse, ...]:
    """The stages that use a block, with the number of their lines that do."""
    counted: dict[str, int] = {}
    for segment in segments:
        for line in segment.body.lines:
            if any(name == block for item in line for name, _ in uses(item)):
                counted[segment.name] = counted.get(segment.name, 0) + 1
    return tuple(BlockUse(stage, lines) for stage, lines in counted.items())


def _renamed(block: tree.Block, names: Mapping[str, str]) -> tree.Block:
    """The block with other names for its parameters."""
    values: dict[str, tree.Expression] = {old: tree.Name(new, span=block.span) for old, new in names.items()}
    parameters = tuple(replace(p, name=names.get(p.name, p.name)) for p in block.parameters)
    body = tuple(substitute(statement, values) for statement in block.body)
    return replace(block, parameters=parameters, body=body)


def _numbered(block: tree.Block) -> tree.Block:
    """The block with parameters named by their places, and without defaults: uses show those."""
    numbered = _renamed(block, {p.name: f"parameter {i}" for i, p in enumerate(block.parameters)})
    return replace(numbered, parameters=())


def signature(block: tree.Block) -> str:
    """`basic(dilation, kernel=3)`."""
    parameters = [p.name if p.default is None else f"{p.name}={print_inline(p.default)}" for p in block.parameters]
    named = f"{block.name}({', '.join(parameters)})" if parameters else block.name
    return f"tied {named}" if block.tied else named


def unused_changes(before: Mapping[str, tree.Block], after: Mapping[str, tree.Block]) -> Iterator[BlockChange]:
    """Changes of blocks that no space uses."""
    for name, block in before.items():
        if name not in after:
            yield BlockChange("removed", signature(block), None)
        elif _numbered(block) != _numbered(after[name]):
            yield BlockChange("changed", signature(block), signature(after[name]))
    yield from (BlockChange("added", None, signature(block)) for name, block in after.items() if name not in before)
