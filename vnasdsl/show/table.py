"""A space or network as a table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from textwrap import wrap
from typing import Any

from vnasdsl.elaborate.inputs import INPUT_KINDS, OpenInput
from vnasdsl.elaborate.space import Space
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.layers.base import Shape, show_value
from vnasdsl.show.figures import LineFigures, section_figures
from vnasdsl.show.numbers import amount, bar, count_words, ordinal, short, span
from vnasdsl.space.counting import CannotCountError
from vnasdsl.space.elements import Choice, Element, Group, NameRef, When, inside
from vnasdsl.space.parts import choices
from vnasdsl.space.ways import Cost, Goal


@dataclass(frozen=True)
class Row:
    """A stage, or a line outside of stages."""

    name: str
    figures: LineFigures
    choices: tuple[Choice, ...]
    """Those that are met here first: the choices of a tied block stand at its first use."""


def rows(space: Space) -> Iterator[Row]:
    """Lines outside of stages without a name are called `-`, or where there are no stages at all by their layers."""
    seen: set[str] = set()
    staged = any(segment.name for segment in space.segments)
    for segment, (whole, lines) in zip(space.segments, section_figures(space), strict=True):
        body = segment.body
        if segment.name:
            yield Row(segment.name, whole, tuple(_new_choices((body,), "", seen)))
            continue
        figures = {(line.span.start, line.span.end): line for line in lines}
        for i, line in enumerate(body.lines):
            own = figures[line[0].span.start, line[-1].span.end]
            made = tuple(_new_choices(line, inside(body, ""), seen))
            yield Row(body.name_of(i) or ("-" if staged else label_of(body, i)), own, made)


def _new_choices(elements: Iterable[Element], path: str, seen: set[str]) -> Iterator[Choice]:
    for element in elements:
        for choice in choices(element, path):
            if choice.name not in seen:
                seen.add(choice.name)
                yield choice


def label_of(body: Group, line: int) -> str:
    """What a line without a name is called: by what stands first and last in it."""
    labels = [label for label in map(_label, body.lines[line]) if label]
    if len(labels) < 2:
        return "".join(labels) or "-"
    return f"{labels[0]} {'->' if len(labels) == 2 else '..'} {labels[-1]}"


def _label(element: Element) -> str:
    if isinstance(element, NameRef):
        return element.wire
    return _label(element.then) if isinstance(element, When) else element.label


WIDTH = 100
"""Columns a table should fit."""
DRAWN = 20
"""Networks drawn where the costs of a space are not known; fewer where choices are many, as each takes long then."""
CHOICES_DRAWN = 2500
"""Choices made for all of them at most."""


def known_size(space: Space) -> int | None:
    """The number of networks; None for infinitely many, and where they cannot be counted."""
    try:
        return space.size
    except CannotCountError:
        return None


def size_words(space: Space) -> str:
    """`5.84e18 networks`, or why there is no such number."""
    size = known_size(space)
    return space.size_text() if size is None else f"{count_words(size)} network{'' if size == 1 else 's'}"


def foot(space: Space) -> Iterator[str]:
    """Exact figures and limits."""
    if space.kind == "network":
        yield f"{space.macs[0]} MACs per clip, {space.params[0]} parameters"
    else:
        size = known_size(space)
        whole = f"number of networks: {space.size_text()}" if size is None else f"exactly {size} networks"
        number = f"{len(space.choices)} choices" if len(space.choices) > 1 else "1 choice"
        counted = Counter(choice.kind for choice in space.choices)
        kinds = ", ".join(f"{count} {kind}" for kind, count in counted.items())
        yield from wrap(f"{whole}, in {number} ({kinds})", WIDTH, subsequent_indent="  ")
        yield from costs(space)
    yield from (f"limit: {limit.condition.span.text}" for limit in space.limits)


def costs(space: Space) -> Iterator[str]:
    """Least and greatest costs of a space, and whether they are bounds."""
    if not space.costed:
        yield "least and greatest costs: not worked out, a call has too many combinations"
        yield from _drawn(space, min(DRAWN, CHOICES_DRAWN // max(len(space.choices), 1)))
        return

    def written(goal: Goal, value: int) -> str:
        return str(value) if goal in space.exact_ends else f"{value} (bound)"

    macs = f"MACs from {written('macs_min', space.macs[0])} to {written('macs_max', space.macs[1])}"
    params = f"parameters from {written('params_min', space.params[0])} to {written('params_max', space.params[1])}"
    yield from wrap(f"{macs}, {params}", WIDTH)
    if not space.exact:
        yield "a bound: no network is beyond it, and perhaps none reaches it"


def _drawn(space: Space, count: int) -> Iterator[str]:
    """What some networks cost."""
    try:
        costs = [space.price(space.complete({}, Random(seed))) for seed in range(count)]
    except (UserError, VnsError):  # not every choice fits the others
        return
    if len(costs) > 1:
        macs, params = sorted(cost.macs_min for cost in costs), sorted(cost.params_min for cost in costs)
        of = f"of {count} networks drawn at random: MACs from {macs[0]} to {macs[-1]}"
        yield from wrap(f"{of}, parameters from {params[0]} to {params[-1]}", WIDTH, subsequent_indent="  ")


MOST_BAR, LEAST_BAR = 24, 6
UNKNOWN = "?"
"""In the place of what is not worked out."""


def as_table(space: Space, ascii_only: bool = False) -> str:
    """Stage by stage: its output shape, what is chosen in it, its share of the cost as a bar.

    ascii_only: bars of `#`, for streams that cannot show blocks.
    """
    note = ["share: the greatest MACs of a stage as part of the greatest of the space"]
    noted = space.kind == "space" and space.costed
    return "\n".join([short_table(space, ascii_only), "", *(note if noted else ()), *foot(space)])


def short_table(space: Space, ascii_only: bool = False) -> str:
    """The stages alone, without what takes long to work out."""
    found = list(rows(space))
    for terse in range(3):  # where stages say too much for a line, they say less
        table = stage_table(space, found, ascii_only, terse)
        if max(map(len, table.splitlines())) <= WIDTH:
            break
    return "\n".join([title(space), *input_lines(space), "", table])


def title(space: Space) -> str:
    claim = f" : {space.claim.name}" if space.claim else ""
    size = "" if space.kind == "network" else f", {size_words(space)}"
    return f"{space.kind} {space.name}{claim}{size}"


def input_text(one: OpenInput) -> str:
    """`clip = video(frames=8 | 16, size=32, ...)`: every value of an input, as the language writes it."""
    values = (f"{name}={' | '.join(map(show_value, one.options(name)))}" for name in one.given.parameters)
    return f"{one.given.name} = {one.given.kind}({', '.join(values)})"


def input_lines(space: Space) -> list[str]:
    """What each input is; below it the options of what is searched of it."""
    return [line for place, one in enumerate(space.inputs.each) for line in _input_lines(one, place == 0)]


def _input_lines(one: OpenInput, first: bool) -> list[str]:
    given = one.given
    more = [] if given.kind == "video" else [INPUT_KINDS[given.kind].doc]
    if len(one.options("frame_stride")) == 1 and given.frame_stride > 1:
        more.append(f"every {ordinal(given.frame_stride)} frame of the video")
    if len(one.options("segments")) == 1 and given.segments > 1:
        more.append(f"from {given.segments} equal parts of the video")
    if first:
        more.append(f"{given.classes} classes")
    whole = f"input {given.name}: {shape_text(one)}{' (channels x frames x rows x columns)' if first else ''}"
    lines = wrap(", ".join([whole, *more]), WIDTH, subsequent_indent="  ")
    return [*lines, *(f"  {one.parameter(c)}: {' | '.join(c.options)}" for c in one.choices)]


def shape_text(one: OpenInput) -> str:
    """`3 x 8..16 x 224 x 224`"""
    if one.given.bins:
        sides = [_range(one.options("bins")), "1"]
    else:
        areas = (replace(one.given, size=size).area for size in one.options("size"))
        sides = [_range(side) for side in zip(*areas, strict=True)]
    return " x ".join([*(_range(one.options(name)) for name in ("channels", "frames")), *sides])


def _range(options: Sequence[Any]) -> str:
    return str(options[0]) if len(set(options)) == 1 else f"{min(options)}..{max(options)}"


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows in columns two spaces apart; the columns in `right` are right-aligned, empty columns left out."""
    kept = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in kept}
    lines = []
    for row in rows:
        cells = [row[i].rjust(widths[i]) if i in right else row[i].ljust(widths[i]) for i in kept]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def stage_table(space: Space, found: Sequence[Row], ascii_only: bool, terse: int) -> str:
    """A row a stage and one for all. terse: 0, or 1 for counts instead of choices, or 2 for short shapes too."""
    heading = ["stage" if any(s.name for s in space.segments) else "line", "output", "choices (options)"]
    heading += ["MACs", "parameters", "share", ""]
    table: list[list[str]] = []
    shares: list[float | None] = []
    greatest = (space.macs[1] or 1) if space.costed else None
    for row in found:
        cost = row.figures.cost
        macs = UNKNOWN if cost is None else between(cost.macs_min, cost.macs_max)
        params = UNKNOWN if cost is None else between(cost.params_min, cost.params_max)
        table.append([row.name, output_text(row.figures, terse > 1), choice_text(row.choices, terse > 0), macs, params])
        shares.append(None if cost is None or greatest is None else cost.macs_max / greatest)
    total = [between(*space.macs), between(*space.params)] if space.costed else [UNKNOWN, UNKNOWN]
    table.append(["total", "", "", *total])
    plain = columns([heading[:5], *table], right=(3, 4))
    room = WIDTH - max(len(line) for line in plain.splitlines()) - len("  100.0%  ")
    width = max(LEAST_BAR, min(MOST_BAR, room))
    most = max((share for share in shares if share is not None), default=0.0) or 1.0
    percent = ["" if share is None else f"{100 * share:.1f}%" for share in (*shares, None)]
    drawn = ["" if share is None else bar(share / most, width, ascii_only) for share in (*shares, None)]
    full = ([*row, *more] for row, *more in zip(table, percent, drawn, strict=True))
    return columns([heading, *full], right=(3, 4, 5))


def between(low: int, high: int) -> str:
    """`1.56G`, or `260M..12.2G` as the language writes ranges."""
    if low == high:
        return amount(low).replace(" ", "")
    least, greatest = short(low).replace(" ", ""), short(high).replace(" ", "")
    return least if least == greatest else f"{least}..{greatest}"


def cost_text(cost: Cost) -> str:
    macs, params = span(cost.macs_min, cost.macs_max), span(cost.params_min, cost.params_max)
    return f"{macs} MACs, {params} parameters"


def output_text(line: LineFigures, terse: bool = False) -> str:
    """The shapes that can come out; of a list also how many values: `2 of 64 x 8x56x56`."""
    if not line.values:
        return UNKNOWN
    number = "" if line.values == (1,) else f"{_range(line.values)} of "
    return number + shapes(tuple(line.after), terse)


def shapes(found: Sequence[Shape], terse: bool = False) -> str:
    """Shapes of one stage in one: where only channels differ, `48 | 56 | 64 x 16x56x56`."""
    found = sorted(found)
    if terse and len(found) > 1:
        return f"{len(found)} shapes"
    if len({shape[1:] for shape in found}) > 1:
        if len(found) > 2:
            return f"{compact(found[0])} ... {compact(found[-1])}"
        return " or ".join(compact(shape) for shape in found)
    channels = [str(shape[0]) for shape in found]
    first = " | ".join(channels) if len(channels) <= 3 else f"{channels[0]}..{channels[-1]}"
    return " x ".join([first, *([compact(found[0][1:])] if found[0][1:] else [])])


def choice_text(found: Sequence[Choice], terse: bool = False) -> str:
    """How many choices of which kind, with the number of options: `channels (3), 5 op (4)`."""
    if terse:
        return str(len(found) or "")
    counted = Counter((choice.kind, options_text(choice)) for choice in found)
    return ", ".join(
        f"{'' if count == 1 else f'{count} '}{kind} ({options})" for (kind, options), count in counted.items()
    )


def options_text(choice: Choice) -> str:
    """`4` options; `2 of 5` where as many are taken at a time; `real` where there is no end of them."""
    if choice.is_real:
        return "real"
    if choice.is_subset:
        assert choice.least is not None and choice.most is not None
        return f"{_range(sorted({choice.least, choice.most}))} of {len(choice.options)}"
    return str(len(choice.options))


# ------------------------------------------------------------------- layers


LONGEST_LABEL = 44
"""Columns of a label that shapes and costs stand beside; a longer one has a line of its own."""


def layer_table(space: Space) -> str:
    """A layer after the other: its name, shapes and costs; then what it is with every attribute, defaults filled in."""
    table = [["layer", "input", "output", "MACs", "parameters"]]
    around: list[tuple[list[str], list[str]]] = []
    for row in space.layers():
        apart = len(row.label) > LONGEST_LABEL
        costs = [amount(row.macs) if row.macs else "", str(row.params or "")]
        table.append(["" if apart else row.label, compact(row.input_shape), compact(row.shape), *costs])
        what = " ".join([row.operation, *(f"{name}={show_value(v)}" for name, v in row.attributes)])
        pad = "    "
        around.append(([row.label] if apart else [], wrap(what, WIDTH, initial_indent=pad, subsequent_indent=2 * pad)))
    heading, *lines = columns(table, right=(3, 4)).splitlines()
    body = [text for line, (above, below) in zip(lines, around, strict=True) for text in (*above, line, *below)]
    note = ["of each choice between numbers the last option, of equal copies one"] * (space.kind == "space")
    return "\n".join([title(space), *input_lines(space), "", heading, *body, "", *note, *foot(space)])


def compact(shape: Shape) -> str:
    """`(48, 16, 56, 56)` as `48x16x56x56`."""
    return "x".join(str(n) for n in shape)
