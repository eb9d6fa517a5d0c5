"""What differs between two spaces, two networks, or a space and a network. Nothing here knows how it is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from difflib import SequenceMatcher

from vnasdsl.elaborate import Program, Space
from vnasdsl.elaborate.inputs import PARAMETERS
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.walk import blocks_used, walk
from vnasdsl.layers import CATALOGUE
from vnasdsl.show.diff import blocks
from vnasdsl.show.diff.align import align, common
from vnasdsl.show.diff.details import details
from vnasdsl.show.diff.meaning import Numbers, Reader
from vnasdsl.show.diff.model import (
    BlockChange,
    Choosing,
    Chosen,
    Comparison,
    Definition,
    Departure,
    FileDiff,
    LineChange,
    Size,
    StageChange,
    Totals,
    ValueChange,
)
from vnasdsl.show.diff.rows import Row, RowMaker, StageRows
from vnasdsl.space.costs import Cost
from vnasdsl.space.counting import CannotCountError
from vnasdsl.space.elements import BodyLayer, Choice

NAMING = (tree.Call, tree.Name)


def compare_programs(before: Program, after: Program) -> FileDiff:
    """All definitions of two files: those of one name with each other. A file with one definition is compared with a
    file with one definition whatever their names."""
    left, right = before.spaces, after.spaces
    if len(left) == len(right) == 1:
        pairs = [(next(iter(left.values())), next(iter(right.values())))]
    else:
        pairs = [(left[name], right[name]) for name in left if name in right]
    paired = {id(space) for pair in pairs for space in pair}
    return FileDiff(
        before.name,
        after.name,
        tuple(compare(*pair) for pair in pairs),
        tuple(definition(space) for space in left.values() if id(space) not in paired),
        tuple(definition(space) for space in right.values() if id(space) not in paired),
        tuple(blocks.unused(_unused(before), _unused(after), _used(before) | _used(after))),
    )


def compare(before: Space, after: Space) -> Comparison | Choosing:
    """Raises: VnsError when a shape does not fit."""
    if before.kind != after.kind:
        return choosing(before, after)
    numbers = Numbers()
    left = RowMaker(before, Reader(numbers))
    right = RowMaker(after, Reader(numbers))
    uses = blocks.Uses()
    old = left.stages()
    new = right.stages()
    left_uses, right_uses = uses.of_stages(old), uses.of_stages(new)
    names = blocks.renamed(left, right, left_uses, right_uses)
    if names:
        right.reader = Reader(numbers, names)
        new = right.stages()
    changed = {
        b: BlockChange("changed", _signature(before, a), _signature(after, b), lines, uses.places(new, b))
        for a, b, lines in blocks.changed(left, right, (left_uses, right_uses), names, _compare_rows)
    }
    for b, a in names.items():
        change = BlockChange("renamed", _signature(before, a), _signature(after, b), (), uses.places(new, b))
        changed.setdefault(b, change)
    return Comparison(
        definition(before),
        definition(after),
        tuple(_inputs(before, after)),
        tuple(_limits(before, after)),
        tuple(changed.values()),
        tuple(_stages(old, new)),
    )


def definition(space: Space) -> Definition:
    """Raises: VnsError when a shape does not fit."""
    cost = None
    with suppress(UserError):  # a call with too many combinations: only the costs of single networks are known
        cost = space.cost
    try:
        size: Size = "infinite" if space.size is None else space.size
    except CannotCountError:
        size = "not counted"
    return Definition(space.name, space.kind, Totals(cost, size))


# ------------------------------------------------------------------------ lines


def _compare_rows(left: Sequence[Row], right: Sequence[Row]) -> tuple[LineChange, ...]:
    return _line_changes(left, right)[0]


def _line_changes(
    left: Sequence[Row], right: Sequence[Row]
) -> tuple[tuple[LineChange, ...], tuple[tuple[Row, Row], ...]]:
    """The lines that changed, and the pairs of lines that did not."""
    pairs = align(
        len(left), len(right), lambda i, j: left[i].same(right[j]), lambda i, j: similarity(left[i], right[j])
    )
    found: list[LineChange] = []
    same: list[tuple[Row, Row]] = []
    gap: list[tuple[Row | None, Row | None]] = []

    def close() -> None:
        if not _same_run([a for a, _ in gap if a], [b for _, b in gap if b]):
            found.extend(_line_change(a, b) for a, b in gap)
        gap.clear()

    for (i, j), unchanged in pairs:
        a, b = (left[i] if i is not None else None), (right[j] if j is not None else None)
        if unchanged and a is not None and b is not None:
            close()
            same.append((a, b))
        else:
            gap.append((a, b))
    close()
    return tuple(found), tuple(same)


def _same_run(left: Sequence[Row], right: Sequence[Row]) -> bool:
    """The same layers, in other lines: one line broken in two, copies written out, a block's body written in place."""
    if any(row.given for row in (*left, *right)):
        return False
    if [n for row in left for n in row.layers] == [n for row in right for n in row.layers]:
        return True
    at = [[row.at_shapes for row in rows] for rows in (left, right)]
    if (left and right and left[0].channels != right[0].channels) or any(
        meaning is None for side in at for meaning in side
    ):
        return False
    return [n for m in at[0] for n in m or ()] == [n for m in at[1] for n in m or ()]


def _line_change(before: Row | None, after: Row | None) -> LineChange:
    if before is None or after is None:
        one, other = before and before.side, after and after.side
        return LineChange("removed" if before is not None else "added", one or None, other or None)
    inside: tuple[LineChange, ...] = ()
    a, b = before.items[0], after.items[0]
    if len(before.items) == len(after.items) == 1 and isinstance(a, BodyLayer) and isinstance(b, BodyLayer):
        rows = before.body_rows(a), after.body_rows(b)
        inside = _compare_rows(*rows)
    return LineChange("changed", before.side, after.side, details(before, after), inside)


def similarity(a: Row, b: Row) -> float:
    """How much two lines that differ have in common: 1 for the same layers under another label."""
    if a.given is not None and a.given == b.given:
        return 1.0
    if a.same_layers(b) or a.surface == b.surface:
        return 1.0
    heads = _heads(a), _heads(b)
    together = len(heads[0] & heads[1])
    words = _words(a), _words(b)
    shared = SequenceMatcher(None, words[0], words[1], autojunk=False).ratio()
    return together / (len(heads[0]) + len(heads[1])) + shared / 2 if together else 0.0


def _heads(row: Row) -> set[str]:
    """The layers and blocks that a line names."""
    named = {n.function if isinstance(n, tree.Call) else n.id for n in walk(row.value) if isinstance(n, NAMING)}
    return {name for name in named if name in CATALOGUE or name in row.maker.space.definitions.blocks}


def _words(row: Row) -> list[str]:
    return re.findall(r"[\w.]+", row.side.text)


# ----------------------------------------------------------------------- stages


def _stages(left: Sequence[StageRows], right: Sequence[StageRows]) -> list[StageChange]:
    """The stages that changed, in the order of the second side, removed ones where they were."""
    partner = _partners(left, right)
    back = {j: i for i, j in partner.items()}
    in_order = {i for i, _ in common(range(len(left)), range(len(right)), lambda i, j: partner.get(i) == j)}
    found: list[StageChange] = []
    removed = [i for i in range(len(left)) if i not in partner]
    done: set[int] = set()

    def take_removed(limit: int) -> None:
        for i in removed:
            if i < limit and i not in done:
                done.add(i)
                lines = tuple(LineChange("removed", row.side, None) for row in left[i].rows)
                found.append(StageChange("removed", left[i].side, None, lines))

    for j, stage in enumerate(right):
        if j not in back:
            lines = tuple(LineChange("added", None, row.side) for row in stage.rows)
            found.append(StageChange("added", None, stage.side, lines))
            continue
        i = back[j]
        take_removed(i)
        change = _stage(left[i], stage, moved=i not in in_order)
        if change is not None:
            found.append(change)
    take_removed(len(left))
    return found


def _partners(left: Sequence[StageRows], right: Sequence[StageRows]) -> dict[int, int]:
    """Stages of one name belong together; so do lines outside of stages at the same end or behind the same stage, and
    two stages of different names with the same layers."""
    keys = _keys(left), _keys(right)
    found = {i: keys[1].index(key) for i, key in enumerate(keys[0]) if key in keys[1]}
    for i, stage in enumerate(left):
        if i in found:
            continue
        for j, other in enumerate(right):
            free = j not in found.values() and bool(stage.side.name) == bool(other.side.name)
            if free and [n for r in stage.rows for n in r.surface] == [n for r in other.rows for n in r.surface]:
                found[i] = j
                break
    return found


def _keys(stages: Sequence[StageRows]) -> list[str]:
    keys: list[str] = []
    for i, stage in enumerate(stages):
        if stage.side.name:
            keys.append(stage.side.name)
        elif i == len(stages) - 1:
            keys.append("> end")
        else:
            keys.append(f"> {stages[i - 1].side.name if i else 'start'}")
    return keys


def _stage(before: StageRows, after: StageRows, moved: bool) -> StageChange | None:
    lines, same = _line_changes(before.rows, after.rows)
    other = [(a, b) for a, b in same if (a.side.cost, a.side.outputs) != (b.side.cost, b.side.outputs)]
    renamed = before.side.name != after.side.name
    sums = tuple(_sum([pair[k].side.cost for pair in other]) for k in (0, 1))
    unlike = (before.side.cost, before.side.outputs, before.side.size) != (
        after.side.cost,
        after.side.outputs,
        after.side.size,
    )
    if not (lines or moved or renamed or other or unlike):
        return None
    kind = "renamed" if renamed else "moved" if moved else "changed" if lines else "affected"
    return StageChange(kind, before.side, after.side, lines, len(other), *sums)  # type: ignore[arg-type]


def _sum(costs: Sequence[Cost | None]) -> Cost:
    total = Cost()
    for cost in costs:
        total += cost or Cost()
    return total


# ------------------------------------------------------------- inputs and limits


def _inputs(before: Space, after: Space) -> list[ValueChange]:
    """The name of the input is no difference: it names nothing but itself."""
    found = []
    for name in PARAMETERS:
        a, b = before.inputs.options(name), after.inputs.options(name)
        if a != b:
            found.append(ValueChange(name, before.inputs.options_text(name), after.inputs.options_text(name)))
    return found


def _limits(before: Space, after: Space) -> list[ValueChange]:
    def limits(space: Space) -> dict[tuple[str, str], list[tuple[int | float, str]]]:
        found: dict[tuple[str, str], list[tuple[int | float, str]]] = {}
        for limit in space.limits:
            found.setdefault((limit.quantity, limit.op), []).append((limit.value, limit.condition.span.text))
        return found

    left, right = limits(before), limits(after)
    found: list[ValueChange] = []
    for key in dict.fromkeys((*left, *right)):
        a = [pair for pair in left.get(key, []) if pair[0] not in [v for v, _ in right.get(key, [])]]
        b = [pair for pair in right.get(key, []) if pair[0] not in [v for v, _ in left.get(key, [])]]
        for k in range(max(len(a), len(b))):
            texts = [" ".join(side[k][1].split()) if k < len(side) else None for side in (a, b)]
            found.append(ValueChange(key[0], *texts))
    return found


def _signature(space: Space, block: str) -> str:
    return blocks.signature(space.definitions.blocks[block])


def _used(program: Program) -> set[str]:
    """The blocks that some definition of the file uses, perhaps only in an option."""
    spaces = program.spaces.values()
    return {block.name for space in spaces for block in blocks_used(space.syntax.body, space.definitions.blocks)}


def _unused(program: Program) -> dict[str, tree.Block]:
    return {item.name: item for item in program.module.items if isinstance(item, tree.Block)}


# -------------------------------------------------------------- what was chosen


def choosing(before: Space, after: Space) -> Choosing:
    """A space and a network, in either order."""
    space, network = (before, after) if before.kind == "space" else (after, before)
    sides = definition(before), definition(after)
    try:
        made = network.choices_in(space)
    except VnsError as fault:
        first = fault.diagnostics[0]
        place = first.primary.span if first.primary is not None else None
        text = " ".join(place.text.split()) if place is not None else None
        return Choosing(*sides, departure=Departure(first.message, first.help, place.line if place else None, text))
    chosen = tuple(
        Chosen(c.name.partition(".")[0], c.name, c.kind, _options(c), made[c.name])
        for c in space.choices
        if c.name in made
    )
    return Choosing(*sides, chosen=chosen, unmade=len(space.choices) - len(chosen))


def _options(choice: Choice) -> tuple[str, ...]:
    """What could be chosen; of a real number the range."""
    return (f"{choice.low}..{choice.high}",) if choice.is_real else choice.options
