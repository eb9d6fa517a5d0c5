"""Figures of a comparison in words."""

from __future__ import annotations

from vnasdsl.layers.base import Shape
from vnasdsl.show.diff.model import Choosing, Comparison, Definition, Side, Size
from vnasdsl.show.numbers import amount, count_words
from vnasdsl.show.table import between, shapes
from vnasdsl.space.ways import Cost

QUANTITIES = (("MACs", "macs"), ("parameters", "params"))
UNCHANGED = "unchanged"


def signed(before: int, after: int) -> str:
    """The difference, with its share where that says something: `+1.04 G (+16.7%)`, `-824`, `+49.31 G (x 12.39)`."""
    if before == after:
        return UNCHANGED
    difference = f"{'+' if after > before else '-'}{amount(abs(after - before))}"
    if not before:
        return difference
    if after and max(before, after) >= 10 * min(before, after):
        return f"{difference} ({times(before, after)})"
    share = 100 * (after - before) / before
    return f"{difference} ({f'{share:+.1f}' if abs(share) >= 0.05 else '+<0.1' if share > 0 else '-<0.1'}%)"


def size_words(size: Size) -> str:
    return size if isinstance(size, str) else count_words(size)


def times(before: Size, after: Size) -> str:
    """How many times as many: `x 1.33`, `/ 4`."""
    if before == after:
        return UNCHANGED
    if isinstance(before, str) or isinstance(after, str) or not before or not after:
        return f"{size_words(before)} -> {size_words(after)}"
    big, small, sign = (after, before, "x") if after > before else (before, after, "/")
    if big >= 100 * small or big % small == 0:
        return f"{sign} {count_words((2 * big + small) // (2 * small))}"
    return f"{sign} {big / small:.2f}"


def effect(before: Cost | None, after: Cost | None) -> str:
    """What a change does to MACs and parameters: `+1.04 G MACs (+16.7%), +330.88 K parameters (+1.2%)`, or for spaces
    `MACs 442K..885K -> 885K..2.65M`. A line or stage that is not there costs None."""
    parts = []
    for name, field in QUANTITIES:
        a, b = ((getattr(c, f"{field}_min"), getattr(c, f"{field}_max")) if c else (0, 0) for c in (before, after))
        if a == b:
            continue
        if a[0] == a[1] and b[0] == b[1]:
            change, _, share = signed(a[0], b[0]).partition(" (")
            parts.append(f"{change} {name}" + (f" ({share}" if share and before and after else ""))
        elif before and after:
            parts.append(f"{name} {between(*a)} -> {between(*b)}")
        else:
            parts.append(f"{between(*(b if after else a))} {name}")
    return ", ".join(parts)


def outputs(before: tuple[Shape, ...], after: tuple[Shape, ...]) -> str:
    """`out 64 x 16x56x56 -> 48 x 16x56x56`; one shape if there is only one, nothing if none is known."""
    return " -> ".join(dict.fromkeys(f"out {shapes(side)}" for side in (before, after) if side)).replace("-> out", "->")


def effects(before: Side | None, after: Side | None) -> list[str]:
    """Shapes if they changed, costs, and the number of networks, of a line or stage."""
    a, b = before.outputs if before else (), after.outputs if after else ()
    parts = [outputs(a, b) if a != b else ""]
    parts.append(effect(before.cost if before else None, after.cost if after else None))
    sizes: list[Size] = [side.size for side in (before, after) if side]
    if len(sizes) == 2 and sizes[0] != sizes[1]:
        parts.append(f"networks {times(sizes[0], sizes[1])}")
    elif len(sizes) == 1 and isinstance(sizes[0], int) and sizes[0] > 1:
        parts.append(f"{size_words(sizes[0])} options")
    return [part for part in parts if part]


def headline(pair: Comparison | Choosing) -> str:
    """`network a`, `network a -> b`, or `space a -> network b`."""
    a, b = pair.before, pair.after
    if a.kind != b.kind:
        return f"{a.kind} {a.name} -> {b.kind} {b.name}"
    return f"{a.kind} {a.name}" if a.name == b.name else f"{a.kind} {a.name} -> {b.name}"


def summary(one: Definition) -> str:
    """A definition that only one side has: `network a: 15.78 G MACs, 13.45 M parameters`."""
    costs = [f"{size_words(one.size)} networks"] if one.kind == "space" else []
    if one.cost is not None:
        costs.append(f"{between(one.cost.macs_min, one.cost.macs_max)} MACs")
        costs.append(f"{between(one.cost.params_min, one.cost.params_max)} parameters")
    return f"{one.kind} {one.name}: {', '.join(costs)}"


def totals(pair: Comparison | Choosing) -> list[tuple[str, ...]]:
    """A table: of a comparison what each figure was and is, of a choosing where the network lies in the space."""
    if isinstance(pair, Choosing):
        space, network = pair.space.cost, pair.network.cost
        ends = [
            [amount(getattr(space, f"{field}_{end}")) if space else "not computed" for end in ("min", "max")]
            for _, field in QUANTITIES
        ]
        own = [amount(getattr(network, f"{field}_min")) for _, field in QUANTITIES]
        rows = ((name, own[i], *ends[i]) for i, (name, _) in enumerate(QUANTITIES))
        return [("", "network", "least of space", "greatest"), *rows]
    before, after = pair.before, pair.after
    table: list[tuple[str, ...]] = [("", "before", "after", "change")]
    if before.kind == "space":
        sizes = before.size, after.size
        table.append(("networks", size_words(sizes[0]), size_words(sizes[1]), times(*sizes)))
    words = (("least ", "min"), ("greatest ", "max")) if before.kind == "space" else (("", "min"),)
    for name, field in QUANTITIES if before.cost and after.cost else ():
        for word, end in words:
            a, b = (getattr(one.cost, f"{field}_{end}") for one in (before, after))
            table.append((f"{word}{name}", amount(a), amount(b), signed(a, b)))
    return table
