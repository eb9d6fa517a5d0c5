"""What differs between two spaces, two networks, or a space and a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import SequenceMatcher
from itertools import zip_longest

from vnasdsl.elaborate import Program, Space
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.printer import print_inline
from vnasdsl.network.graph import matching
from vnasdsl.show.diff.outline import (
    Change,
    Choosing,
    Chosen,
    Comparison,
    Definition,
    Departure,
    FileDiff,
    Item,
    Side,
    Size,
    What,
    block,
    stages,
    used_blocks,
)
from vnasdsl.space.counting import CannotCountError

NEAR = 30
"""Lines after the one that was paired last among which the partner of a changed line is looked for."""
LEAST_SIMILARITY = 0.5


def compare_programs(before: Program, after: Program) -> FileDiff:
    """All definitions of two files: those of the same name with each other. If each file has only one, these two are
    compared whatever their names."""
    left, right = before.spaces, after.spaces
    pairs = [(left[name], right[name]) for name in left if name in right]
    if len(left) == len(right) == 1:
        pairs = [(next(iter(left.values())), next(iter(right.values())))]
    paired = {id(space) for pair in pairs for space in pair}
    used = {name for program in (before, after) for space in program.spaces.values() for name in used_blocks(space)}
    unused = [
        {item.name: item for item in program.module.items if isinstance(item, tree.Block) and item.name not in used}
        for program in (before, after)
    ]
    return FileDiff(
        before.name,
        after.name,
        tuple(definition(space) for space in left.values() if id(space) not in paired),
        tuple(definition(space) for space in right.values() if id(space) not in paired),
        tuple(_blocks(*unused)),
        tuple(compare(*pair) for pair in pairs),
    )


def compare(before: Space, after: Space) -> Comparison | Choosing:
    """Raises: VnsError if a shape does not fit."""
    if before.kind != after.kind:
        return choosing(before, after)
    found = [*_inputs(before, after), *_limits(before, after)]
    if before.kind == "space" or matching(before.graph, after.graph) is None:
        found += _blocks(used_blocks(before), used_blocks(after))
        found += changes(stages(before), stages(after))
    return Comparison(definition(before), definition(after), tuple(found))


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


# ------------------------------------------------------------- blocks, stages, lines


def changes(left: Sequence[Item], right: Sequence[Item]) -> Iterator[Change]:
    """What changed, in the order of the second side, removed parts where they were."""
    for a, b in align(left, right):
        if a is None or b is None:
            yield from (_alone(one, "added" if a is None else "removed") for one in (a, b) if one is not None)
            continue
        inside = tuple(changes(a.inside, b.inside))
        if a.key != b.key or a.side.figures != b.side.figures or inside:
            same = a.key == b.key and all(line.change == "affected" for line in inside)
            yield Change(a.what, a.side, b.side, inside, "affected" if same else "changed")


def _alone(item: Item, change: str) -> Change:
    inside = tuple(_alone(line, change) for line in item.inside) if item.what == "stage" else ()
    if change == "added":
        return Change(item.what, None, item.side, inside, "added")
    return Change(item.what, item.side, None, inside, "removed")


def align(left: Sequence[Item], right: Sequence[Item]) -> Iterator[tuple[Item | None, Item | None]]:
    """Every part of both sides once and in order; None where it has no partner. Equal parts first, then between them
    those that are most alike."""
    start = end = 0
    shorter = min(len(left), len(right))
    while start < shorter and left[start].key == right[start].key:
        start += 1
    while end < shorter - start and left[-1 - end].key == right[-1 - end].key:
        end += 1
    yield from zip(left[:start], right[:start], strict=True)
    a, b = left[start : len(left) - end], right[start : len(right) - end]
    matcher = SequenceMatcher(None, [item.key for item in a], [item.key for item in b], False)
    for what, i, i_end, j, j_end in matcher.get_opcodes():
        if what == "equal":
            yield from zip(a[i:i_end], b[j:j_end], strict=True)
        else:
            yield from _nearest(a[i:i_end], b[j:j_end])
    yield from zip(left[len(left) - end :], right[len(right) - end :], strict=True)


def _nearest(left: Sequence[Item], right: Sequence[Item]) -> Iterator[tuple[Item | None, Item | None]]:
    done = 0
    for item in left:
        near = right[done : done + NEAR]
        scores = [similarity(item, other) for other in near]
        best = max(scores, default=0.0)
        if best < LEAST_SIMILARITY:
            yield item, None
            continue
        place = scores.index(best)
        yield from ((None, other) for other in near[:place])
        yield item, near[place]
        done += place + 1
    yield from ((None, other) for other in right[done:])


def similarity(a: Item, b: Item) -> float:
    """1 for parts of one name, near it for stages with the same lines; of lines the share of words in common."""
    if a.name and a.name == b.name:
        return 1.0
    if a.what == "stage":
        alike = a.name and b.name and [line.key for line in a.inside] == [line.key for line in b.inside]
        return 0.9 if alike else 0.0
    if a.name and b.name:
        return 0.0
    return 2 * (a.words & b.words).total() / max(1, a.words.total() + b.words.total())


def _blocks(before: Mapping[str, tree.Block], after: Mapping[str, tree.Block]) -> Iterator[Change]:
    """Each block by its own lines, once, however often it is used."""
    for name in {**before, **after}:
        yield from changes(*([block(side[name])] if name in side else [] for side in (before, after)))


# ------------------------------------------------------------- inputs and limits


def _inputs(before: Space, after: Space) -> Iterator[Change]:
    """Input by input, in the order of the text."""
    for a, b in zip_longest(before.inputs.each, after.inputs.each):
        if a is None or b is None or a.given.kind != b.given.kind:
            texts = (None if one is None else f"{one.given.name} = {print_inline(one.line.value)}" for one in (a, b))
            yield _values("input", *texts)
            continue
        place = "" if len(before.inputs.each) == len(after.inputs.each) == 1 else f"{b.given.name}."
        for name in b.given.parameters:
            if a.options(name) != b.options(name) and not (name == "classes" and b is not after.inputs.each[0]):
                yield _values("input", *(f"{place}{name}={one.options_text(name)}" for one in (a, b)))


def _limits(before: Space, after: Space) -> Iterator[Change]:
    """Limits on one side only; two on the same quantity are a change of one."""
    sides = [{(limit.quantity, limit.op, limit.value): limit.condition for limit in s.limits} for s in (before, after)]
    for quantity, op in dict.fromkeys(key[:2] for side in sides for key in side):
        gone, new = (
            [" ".join(side[key].span.text.split()) for key in side if key[:2] == (quantity, op) and key not in other]
            for side, other in (sides, sides[::-1])
        )
        yield from (_values("limit", a, b) for a, b in zip_longest(gone, new))


def _values(what: What, before: str | None, after: str | None) -> Change:
    a, b = (None if text is None else Side(text) for text in (before, after))
    return Change(what, a, b, change="added" if a is None else "removed" if b is None else "changed")


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
