"""How figures, their changes and lines are put into words; all formats for people use this."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vnasdsl.layers.base import Shape
from vnasdsl.show.diff.model import Choosing, Chosen, Comparison, Definition, Detail, Side, Size, Totals
from vnasdsl.show.numbers import amount, count_words
from vnasdsl.show.table import shapes
from vnasdsl.space.costs import Cost

SAME = "as before"


def signed(value: int) -> str:
    """`+1.04 G`, `-824`, `0`."""
    return f"{'+' if value > 0 else '-' if value < 0 else ''}{amount(abs(value))}"


def percent(before: int, after: int) -> str:
    """` (+16.7%)`; nothing where there was nothing or nothing changed."""
    if not before or before == after:
        return ""
    share = 100 * (after - before) / before
    return f" ({share:+.1f}%)" if abs(share) >= 0.05 else f" ({'+' if share > 0 else '-'}<0.1%)"


def size_words(size: Size) -> str:
    return size if isinstance(size, str) else count_words(size)


def times(before: Size, after: Size) -> str:
    """How many times as many networks: `x 1.33`, `/ 4`."""
    if before == after:
        return SAME
    if isinstance(before, str) or isinstance(after, str):
        return f"{size_words(before)} -> {size_words(after)}"
    if not before or not after:
        return f"{before} -> {after}"
    big, small, sign = (after, before, "x") if after > before else (before, after, "/")
    whole, rest = divmod(big, small)
    return f"{sign} {count_words(whole) if rest == 0 or whole > 1000 else f'{big * 100 // small / 100:.2f}'}"


def effect(before: Cost | None, after: Cost | None) -> str:
    """What a change does to MACs and parameters: `+1.04 G MACs (+16.7%), +330.88 K parameters (+1.2%)`."""
    a, b = before or Cost(), after or Cost()
    macs = _effect("MACs", (a.macs_min, a.macs_max), (b.macs_min, b.macs_max))
    params = _effect("parameters", (a.params_min, a.params_max), (b.params_min, b.params_max))
    return ", ".join(part for part in (macs, params) if part)


def _effect(name: str, before: tuple[int, int], after: tuple[int, int]) -> str:
    words = ("", "") if before[0] == before[1] and after[0] == after[1] else ("least ", "greatest ")
    parts = [
        f"{signed(after[k] - before[k])} {words[k]}{name}{percent(before[k], after[k])}"
        for k in (0, 1)
        if before[k] != after[k]
    ]
    return ", ".join(dict.fromkeys(parts))


def outputs(before: tuple[Shape, ...], after: tuple[Shape, ...]) -> str:
    """`out 64 x 16 x 56 x 56 -> 48 x 16 x 56 x 56`, one shape where there is only one; nothing where none is known."""
    texts = [shapes(list(side)) for side in (before, after) if side]
    if not texts:
        return ""
    return "out " + (texts[0] if len(set(texts)) == 1 else f"{texts[0]} -> {texts[1]}")


def line_effect(before: Side | None, after: Side | None) -> str:
    """Shapes, size and costs of one changed line, the shape only where it is of interest."""
    a, b = before.outputs if before else (), after.outputs if after else ()
    parts = [outputs(a, b) if a != b else "", effect(before.cost if before else None, after.cost if after else None)]
    if before and after and before.size != after.size:
        parts.append(f"networks {times(before.size, after.size)}")
    elif (before or after) and (before is None or after is None):
        one = before or after
        assert one is not None
        if isinstance(one.size, int) and one.size > 1:
            parts.append(f"{count_words(one.size)} options" if one.size < 10**7 else f"{count_words(one.size)} ways")
    return "; ".join(part for part in parts if part)


def details(found: Sequence[Detail]) -> str:
    """`dilation 1 -> 4`, `copies 5 -> 6`, `op loses basic(4), gains basic(8) and skip`."""
    parts = [f"{d.name} {d.before} -> {d.after}" for d in found if d.what != "option"]
    for kind in dict.fromkeys(d.name for d in found if d.what == "option"):
        lost = [d.before for d in found if d.what == "option" and d.name == kind and d.before is not None]
        gained = [d.after for d in found if d.what == "option" and d.name == kind and d.after is not None]
        said = [f"{verb} {_enumerated(texts)}" for verb, texts in (("loses", lost), ("gains", gained)) if texts]
        parts.append(f"{kind} {', '.join(said)}")
    return "; ".join(parts)


def _enumerated(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def stage_name(name: str) -> str:
    return f"stage {name}" if name else "outside of stages"


def headline(pair: Comparison | Choosing) -> str:
    """`network a -> b`, or `space a -> network b`."""
    a, b = pair.before, pair.after
    if a.kind != b.kind:
        return f"{a.kind} {a.name} -> {b.kind} {b.name}"
    return f"{a.kind} {a.name}" if a.name == b.name else f"{a.kind} {a.name} -> {b.name}"


def summary(one: Definition) -> str:
    """A definition that stands on one side only: `network a: 15.78 G MACs, 13.45 M parameters`."""
    cost, size = one.totals.cost, one.totals.size
    if cost is None:
        return f"space {one.name}: {size_words(size)} networks"
    if one.kind == "network":
        return f"network {one.name}: {amount(cost.macs_min)} MACs, {amount(cost.params_min)} parameters"
    return f"space {one.name}: {size_words(size)} networks, {amount(cost.macs_min)} to {amount(cost.macs_max)} MACs"


def totals(before: Totals, after: Totals) -> list[tuple[str, str, str, str]]:
    """Rows of figure, before, after and change for all networks of two spaces, or for two networks."""
    a, b = before.cost, after.cost
    if a is None or b is None:
        sizes = (size_words(before.size), size_words(after.size), times(before.size, after.size))
        return [("networks", *sizes)]
    single = a.macs_min == a.macs_max and b.macs_min == b.macs_max and before.size == after.size == 1
    figures = []
    if not single:
        change = times(before.size, after.size)
        figures.append(("networks", size_words(before.size), size_words(after.size), change))
    for name, field in (("MACs", "macs"), ("parameters", "params")):
        for word, end in (("", "min"),) if single else (("least ", "min"), ("greatest ", "max")):
            old, new = getattr(a, f"{field}_{end}"), getattr(b, f"{field}_{end}")
            change = SAME if old == new else f"{signed(new - old)}{percent(old, new)}"
            figures.append((f"{word}{name}", amount(old), amount(new), change))
    return figures


def choosing_totals(pair: Choosing) -> list[tuple[str, str, str, str]]:
    """Rows of figure, network, least and greatest of the space."""
    space, network = (pair.before, pair.after) if pair.before.kind == "space" else (pair.after, pair.before)
    s, n = space.totals.cost, network.totals.cost
    assert n is not None
    if s is None:
        unknown = ("not worked out", "not worked out")
        return [("MACs", amount(n.macs_min), *unknown), ("parameters", amount(n.params_min), *unknown)]
    return [
        ("MACs", amount(n.macs_min), amount(s.macs_min), amount(s.macs_max)),
        ("parameters", amount(n.params_min), amount(s.params_min), amount(s.params_max)),
    ]


def choice_rows(chosen: Sequence[Chosen]) -> Iterator[tuple[str, str, str, str]]:
    """Stage, kind, what was chosen and from what. Copies of one line are one row: `3 x basic(4), 2 x skip`."""
    groups: list[list[Chosen]] = []
    for one in chosen:
        last = groups[-1][-1] if groups else None
        if last and (last.stage, last.kind, last.options) == (one.stage, one.kind, one.options):
            groups[-1].append(one)
        else:
            groups.append([one])
    stage = None
    for group in groups:
        runs: list[tuple[str, int]] = []
        for one in group:
            if runs and runs[-1][0] == one.option:
                runs[-1] = (one.option, runs[-1][1] + 1)
            else:
                runs.append((one.option, 1))
        made = ", ".join(option if count == 1 else f"{count} x {option}" for option, count in runs)
        first = group[0]
        yield ("" if first.stage == stage else first.stage or "-", first.kind, made, " | ".join(first.options))
        stage = first.stage
