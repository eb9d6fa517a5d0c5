"""What differs between two spaces, two networks, or a space and a network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby, zip_longest

from vnasdsl.elaborate import Program, Space
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.printer import print_inline
from vnasdsl.language.walk import blocks_used, walk
from vnasdsl.show.diff.align import align
from vnasdsl.show.diff.blocks import block_changes, unused_changes
from vnasdsl.show.diff.details import details
from vnasdsl.show.diff.meaning import Meanings
from vnasdsl.show.diff.model import (
    Affected,
    Choosing,
    Chosen,
    Comparison,
    Definition,
    Departure,
    FileDiff,
    LineChange,
    Size,
    StageChange,
    ValueChange,
)
from vnasdsl.show.diff.rows import Row, RowMaker, StageRows, same_layers
from vnasdsl.space.costs import Cost
from vnasdsl.space.counting import CannotCountError


def compare_programs(before: Program, after: Program) -> FileDiff:
    """All definitions of two files: those of the same name with each other. If each file has only one, these two are
    compared whatever their names."""
    left, right = before.spaces, after.spaces
    pairs = [(left[name], right[name]) for name in left if name in right]
    if len(left) == len(right) == 1:
        pairs = [(next(iter(left.values())), next(iter(right.values())))]
    paired = {id(space) for pair in pairs for space in pair}
    used = _blocks_used(before) | _blocks_used(after)
    unused = [
        {item.name: item for item in program.module.items if isinstance(item, tree.Block) and item.name not in used}
        for program in (before, after)
    ]
    return FileDiff(
        before.name,
        after.name,
        tuple(definition(space) for space in left.values() if id(space) not in paired),
        tuple(definition(space) for space in right.values() if id(space) not in paired),
        tuple(unused_changes(*unused)),
        tuple(compare(*pair) for pair in pairs),
    )


def _blocks_used(program: Program) -> set[str]:
    spaces = program.spaces.values()
    return {block.name for space in spaces for block in blocks_used(space.syntax.body, space.definitions.blocks)}


def compare(before: Space, after: Space) -> Comparison | Choosing:
    """Raises: VnsError if a shape does not fit."""
    if before.kind != after.kind:
        return choosing(before, after)
    meanings = Meanings()
    left, right = RowMaker(before, meanings), RowMaker(after, meanings)
    blocks = block_changes(left, right, lambda a, b: line_changes(a, b)[0])
    stages = stage_changes(left.stages(), right.stages())
    return Comparison(
        definition(before),
        definition(after),
        input=tuple(_inputs(before, after)),
        limits=tuple(_limits(before, after)),
        blocks=tuple(blocks),
        stages=tuple(stages),
    )


def definition(space: Space) -> Definition:
    """Raises: VnsError if a shape does not fit."""
    cost = None
    with suppress(UserError):  # a call with too many combinations
        cost = space.cost
    try:
        size: Size = "infinite" if space.size is None else space.size
    except CannotCountError:
        size = "not counted"
    return Definition(space.name, space.kind, size, cost)


# ------------------------------------------------------------------------ lines


def line_changes(
    left: Sequence[Row], right: Sequence[Row]
) -> tuple[tuple[LineChange, ...], tuple[tuple[Row, Row], ...]]:
    """The lines that changed, and the pairs of lines that did not."""
    changes: list[LineChange] = []
    unchanged: list[tuple[Row, Row]] = []
    pairs = align(left, right, lambda row: (row.name, row.meaning), similarity)
    for same, group in groupby(
        pairs, lambda pair: pair[0] is not None and pair[1] is not None and pair[0].same(pair[1])
    ):
        run = list(group)
        if same:
            unchanged += ((a, b) for a, b in run if a is not None and b is not None)
        elif not _same_run([a for a, _ in run if a is not None], [b for _, b in run if b is not None]):
            changes += (_line_change(a, b) for a, b in run)
    return tuple(changes), tuple(unchanged)


def _same_run(left: Sequence[Row], right: Sequence[Row]) -> bool:
    """Whether the same layers are in other lines: a line is broken in two, or a block is written in place."""
    if any(row.name for row in (*left, *right)):
        return False
    return _meaning(left) == _meaning(right) or same_layers(left, right)


def _meaning(rows: Iterable[Row]) -> list[int]:
    return [number for row in rows for number in row.meaning]


def _line_change(before: Row | None, after: Row | None) -> LineChange:
    if before is None or after is None:
        change = "added" if before is None else "removed"
        return LineChange(change, before and before.side, after and after.side)  # type: ignore[arg-type]
    bodies = before.body_rows(), after.body_rows()
    inside = line_changes(*bodies)[0] if all(bodies) else ()
    return LineChange("changed", before.side, after.side, details(before, after), inside)


def similarity(a: Row, b: Row) -> float:
    """1 for lines in which nothing changed, just below it if only the label did."""
    if a.same(b):
        return 1.0
    if (a.name is not None and a.name == b.name) or a.meaning == b.meaning or same_layers([a], [b]):
        return 0.999
    heads = _heads(a), _heads(b)
    common = len(heads[0] & heads[1])
    return common / (len(heads[0]) + len(heads[1])) + _alike(a.side.text, b.side.text) / 2 if common else 0.0


def _heads(row: Row) -> set[str]:
    """The layers and blocks that a line names."""
    nodes = [*walk(row.value)]
    named = {n.function for n in nodes if isinstance(n, tree.Call)} | {n.id for n in nodes if isinstance(n, tree.Name)}
    return {name for name in named if row.maker.space.definitions.knows(name)}


@lru_cache(10_000)
def _alike(a: str, b: str) -> float:
    return SequenceMatcher(None, re.findall(r"[\w.]+", a), re.findall(r"[\w.]+", b), False).ratio()


# ----------------------------------------------------------------------- stages


def stage_changes(left: Sequence[StageRows], right: Sequence[StageRows]) -> list[StageChange]:
    """The stages that changed, in the order of the second side, removed ones where they were."""
    keys = {stage.key for stage in left} & {stage.key for stage in right}

    def alike(a: StageRows, b: StageRows) -> float:
        if a.key == b.key:
            return 1.0
        renamed = not keys & {a.key, b.key} and bool(a.side.name) == bool(b.side.name) and a.meaning == b.meaning
        return 0.9 if renamed else 0.0

    pairs = align(left, right, lambda stage: stage.key, alike)
    moved = {a.key: a for a, b in pairs if a is not None and b is None and a.key in keys}
    found: list[StageChange | None] = []
    for a, b in pairs:
        if b is not None:
            before = a or moved.get(b.key)
            found.append(_stage_change(before, b, moved=a is None))
        elif a is not None and a.key not in moved:
            lines = tuple(LineChange("removed", row.side, None) for row in a.rows)
            found.append(StageChange("removed", a.side, None, lines))
    return [change for change in found if change is not None]


def _stage_change(before: StageRows | None, after: StageRows, moved: bool) -> StageChange | None:
    if before is None:
        return StageChange("added", None, after.side, tuple(LineChange("added", None, row.side) for row in after.rows))
    lines, unchanged = line_changes(before.rows, after.rows)
    other = [(a.side, b.side) for a, b in unchanged if (a.side.cost, a.side.outputs) != (b.side.cost, b.side.outputs)]
    affected = Affected(len(other), _sum(a.cost for a, _ in other), _sum(b.cost for _, b in other))
    if before.side.name != after.side.name:
        return StageChange("renamed", before.side, after.side, lines, affected)
    if moved or lines:
        return StageChange("moved" if moved else "changed", before.side, after.side, lines, affected)
    return (
        StageChange("affected", before.side, after.side, (), affected) if other or before.side != after.side else None
    )


def _sum(costs: Iterable[Cost | None]) -> Cost:
    return sum((cost for cost in costs if cost is not None), Cost())


# ------------------------------------------------------------- inputs and limits


def _inputs(before: Space, after: Space) -> list[ValueChange]:
    """Input by input, in the order of the text."""
    found = []
    for a, b in zip_longest(before.inputs.each, after.inputs.each):
        if a is None or b is None or a.given.kind != b.given.kind:
            name = (a or b).given.name
            found.append(
                ValueChange(name, *("none" if one is None else print_inline(one.line.value) for one in (a, b)))
            )
            continue
        place = "" if len(before.inputs.each) == len(after.inputs.each) == 1 else f"{b.given.name}."
        for name in b.given.parameters:
            if a.options(name) != b.options(name) and not (name == "classes" and b is not after.inputs.each[0]):
                found.append(ValueChange(f"{place}{name}", a.options_text(name), b.options_text(name)))
    return found


def _limits(before: Space, after: Space) -> list[ValueChange]:
    """Limits on one side only; two on the same quantity are a change of one."""
    sides = [{(limit.quantity, limit.op, limit.value): limit.condition for limit in s.limits} for s in (before, after)]
    found: list[ValueChange] = []
    for quantity, op in dict.fromkeys(key[:2] for side in sides for key in side):
        gone, new = (
            [" ".join(side[key].span.text.split()) for key in side if key[:2] == (quantity, op) and key not in other]
            for side, other in (sides, sides[::-1])
        )
        found += (ValueChange(quantity, a, b) for a, b in zip_longest(gone, new))
    return found


# -------------------------------------------------------------- what was chosen


def choosing(before: Space, after: Space) -> Choosing:
    """A space and a network, in either order."""
    space, network = (before, after) if before.kind == "space" else (after, before)
    sides = definition(before), definition(after)
    try:
        made = network.choices_in(space)
    except VnsError as fault:
        first = fault.diagnostics[0]
        span = first.primary.span if first.primary is not None else None
        text = " ".join(span.text.split()) if span is not None else None
        return Choosing(*sides, departure=Departure(first.message, first.help, span.line if span else None, text))
    chosen = tuple(
        Chosen(c.name.partition(".")[0], c.name, c.kind, made[c.name], c.options or (f"{c.low}..{c.high}",))
        for c in space.choices
        if c.name in made
    )
    return Choosing(*sides, chosen=chosen, unmade=len(space.choices) - len(chosen))
