"""A space or network as a table for people and as one object for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vnasdsl.language import tree
from vnasdsl.layers.base import Layer, Shape, show_shape, show_value
from vnasdsl.show.numbers import amount, bar, count_words, short
from vnasdsl.space.elements import Element, Op, Segment, Wrap, children, choices
from vnasdsl.space.inputs import PARAMETERS as INPUT_PARAMETERS
from vnasdsl.space.inputs import VideoInput
from vnasdsl.space.shapes import Cost, Outcomes
from vnasdsl.space.space import Space

WIDTH = 100
"""Columns a table should fit."""
MOST_BAR, LEAST_BAR = 24, 6
DEFAULTS = {"frame_stride": VideoInput.frame_stride, "segments": VideoInput.segments, "classes": VideoInput.classes}
"""Of the input: everything else of it must be written."""


def as_object(space: Space) -> dict[str, Any]:
    """What `show --json` prints. A space has its costs as {"min", "max"}, its layers are those of its supernet."""
    macs, params = space.macs, space.params
    network = space.kind == "network"
    return {
        "name": space.name,
        "kind": space.kind,
        "size": str(space.size),
        "input": {
            "name": space.input.name,
            "frames": space.input.frames,
            "size": space.input.size,
            "frame_stride": space.input.frame_stride,
            "classes": space.input.classes,
        },
        "claim": space.claim.name if space.claim else None,
        "macs": macs[0] if network else {"min": macs[0], "max": macs[1]},
        "params": params[0] if network else {"min": params[0], "max": params[1]},
        "limits": [limit.condition.span.text for limit in space.limits],
        "choices": [{"name": c.name, "kind": c.kind, "options": list(c.options)} for c in space.choices],
        "layers": [
            {
                "label": row.label,
                "operation": row.operation,
                "input_shape": list(row.input_shape),
                "output_shape": list(row.output_shape),
                "macs": row.macs,
                "params": row.params,
                "activation_bytes": row.activation_bytes,
                "attributes": dict(row.attributes),
            }
            for row in space.layers()
        ],
    }


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows in columns two spaces apart; the columns in `right` are right-aligned, empty columns left out."""
    kept = [i for i in range(len(rows[0])) if any(row[i] for row in rows[1:])]
    widths = {i: max(len(row[i]) for row in rows) for i in kept}
    lines = []
    for row in rows:
        cells = [row[i].rjust(widths[i]) if i in right else row[i].ljust(widths[i]) for i in kept]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def title(space: Space) -> str:
    claim = f" : {space.claim.name}" if space.claim else ""
    size = "" if space.kind == "network" else f", {count_words(space.size)} networks"
    return f"{space.kind} {space.name}{claim}{size}"


def input_line(space: Space) -> str:
    given = space.input
    stride = f", every {given.frame_stride}th frame of the video" if given.frame_stride > 1 else ""
    return (
        f"input {given.name}: {show_shape(given.shape)} (channels x frames x rows x columns){stride},"
        f" {given.classes} classes"
    )


def as_table(space: Space, ascii_only: bool = False) -> str:
    """Stage by stage: the shape behind it, what is chosen in it, its share of the cost as a bar.

    ascii_only: bars of `#`, for streams that cannot show blocks.
    """
    for terse in range(3):  # where stages say too much for a line, they say less
        table = stage_table(space, ascii_only, terse)
        if max(map(len, table.splitlines())) <= WIDTH:
            break
    note = ["share: the greatest MACs of a stage as part of the greatest of the space"]
    return "\n".join(
        [title(space), input_line(space), "", table, "", *(note if space.kind == "space" else ()), *foot(space)]
    )


def stage_table(space: Space, ascii_only: bool, terse: int) -> str:
    """A row a stage and one for all. terse: 0, or 1 for counts instead of choices, or 2 for short shapes too."""
    heading = ["stage", "output", "choices (options)", "MACs", "parameters", "share", ""]
    rows: list[list[str]] = []
    shares: list[float] = []
    before: Outcomes = {space.input.shape: Cost()}
    greatest = space.macs[1] or 1
    for segment in space.segments:
        after, cost = stage_outcomes(space, segment, before)
        figures = [between(cost.macs_min, cost.macs_max), between(cost.params_min, cost.params_max)]
        rows.append([segment.name or "-", shapes(list(after), terse > 1), choice_text(segment, terse > 0), *figures])
        shares.append(cost.macs_max / greatest)
        before = after
    rows.append(["total", "", "", between(*space.macs), between(*space.params)])
    plain = columns([heading[:5], *rows], right=(3, 4))
    room = WIDTH - max(len(line) for line in plain.splitlines()) - len("  100.0%  ")
    width = max(LEAST_BAR, min(MOST_BAR, room))
    most = max(shares, default=0.0) or 1.0
    percent = [*(f"{100 * share:.1f}%" for share in shares), ""]
    drawn = [*(bar(share / most, width, ascii_only) for share in shares), ""]
    full = ([*row, *more] for row, *more in zip(rows, percent, drawn, strict=True))
    return columns([heading, *full], right=(3, 4, 5))


def foot(space: Space) -> Iterator[str]:
    """Exact figures, limits, and the defaults in effect."""
    if space.kind == "network":
        yield f"{space.macs[0]} MACs per clip, {space.params[0]} parameters"
    else:
        counted: dict[str, int] = {}
        for choice in space.choices:
            counted[choice.kind] = counted.get(choice.kind, 0) + 1
        kinds = ", ".join(f"{count} {kind}" for kind, count in counted.items())
        number = f"{len(space.choices)} choices ({kinds})" if len(space.choices) > 1 else f"1 choice ({kinds})"
        yield f"exactly {space.size} networks, in {number}"
        yield f"MACs from {space.macs[0]} to {space.macs[1]}, parameters from {space.params[0]} to {space.params[1]}"
    yield from (f"limit: {limit.condition.span.text}" for limit in space.limits)
    yield from default_lines(space)


def stage_outcomes(space: Space, segment: Segment, before: Outcomes) -> tuple[Outcomes, Cost]:
    """The shapes behind a segment, and its own least and greatest costs over the shapes that can enter it."""
    after: Outcomes = {}
    total: Cost | None = None
    for shape in before:
        for out, cost in space.analysis.outcomes(segment.body, shape).items():
            after[out] = Cost()
            total = cost if total is None else total | cost
    return after, total or Cost()


def between(low: int, high: int) -> str:
    """`1.56G`, or `260M..12.2G` as the language writes ranges."""
    return (amount(low) if low == high else f"{short(low)}..{short(high)}").replace(" ", "")


def shapes(found: list[Shape], terse: bool = False) -> str:
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


def choice_text(segment: Segment, terse: bool = False) -> str:
    """How many choices of which kind, with the number of options: `channels (3), 5 op (4)`."""
    found = {choice.name: choice for choice in choices(segment.body, "")}
    if terse:
        return str(len(found) or "")
    counted: dict[tuple[str, int], int] = {}
    for choice in found.values():
        key = (choice.kind, len(choice.options))
        counted[key] = counted.get(key, 0) + 1
    return ", ".join(
        f"{'' if count == 1 else f'{count} '}{kind} ({options})" for (kind, options), count in counted.items()
    )


# ----------------------------------------------------------------- defaults


def silent_parameters(call: tree.Expression, names: Sequence[str]) -> tuple[str, ...]:
    """The parameters a call says nothing about."""
    arguments = call.arguments if isinstance(call, tree.Call) else ()
    positional = sum(argument.name is None for argument in arguments)
    named = {argument.name for argument in arguments}
    return tuple(name for name in names[positional:] if name not in named)


def default_lines(space: Space) -> Iterator[str]:
    """`conv: stride=1x1x1, bias=false` for every layer and parameter that the text leaves to its default somewhere."""
    silent: dict[Layer, set[str]] = {}
    given = {name: getattr(space.input, name) for name in INPUT_PARAMETERS}
    line = next(s for s in space.syntax.body if isinstance(s, tree.Input))
    left = [name for name in silent_parameters(line.value, INPUT_PARAMETERS) if given[name] == DEFAULTS[name]]

    def visit(element: Element, seen: set[int]) -> None:
        if id(element) in seen:
            return
        seen.add(id(element))
        if isinstance(element, (Op, Wrap)):
            names = [p.name for p in element.layer.parameters]
            silent.setdefault(element.layer, set()).update(silent_parameters(element.call, names))
        for child, _ in children(element, ""):
            visit(child, seen)

    seen: set[int] = set()
    for segment in space.segments:
        visit(segment.body, seen)
    found = [f"  video: {', '.join(f'{name}={given[name]}' for name in left)}"] if left else []
    for layer, names in silent.items():
        values = ", ".join(f"{p.name}={show_value(p.default)}" for p in layer.parameters if p.name in names)
        if values:
            found.append(f"  {layer.name}: {values}")
    if found:
        yield "defaults where the text is silent:"
        yield from found


# ------------------------------------------------------------------- layers


def layer_table(space: Space) -> str:
    """Two lines a layer: its name, shapes and costs; then what it is with every attribute, defaults filled in."""
    rows = [["layer", "input", "output", "MACs", "parameters"]]
    operations = []
    for row in space.layers():
        rows.append(
            [
                row.label,
                compact(row.input_shape),
                compact(row.output_shape),
                amount(row.macs) if row.macs else "",
                str(row.params) if row.params else "",
            ]
        )
        operations.append(" ".join([row.operation, *(f"{name}={show_value(v)}" for name, v in row.attributes)]))
    heading, *lines = columns(rows, right=(3, 4)).splitlines()
    body = [text for line, operation in zip(lines, operations, strict=True) for text in (line, f"    {operation}")]
    return "\n".join([title(space), input_line(space), "", heading, *body, "", *foot(space)])


def compact(shape: Shape) -> str:
    """`(48, 16, 56, 56)` as `48x16x56x56`."""
    return "x".join(str(n) for n in shape)
