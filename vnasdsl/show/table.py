"""A space or network as a table for people and as one object for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vnasdsl.layers.base import Shape, show_shape
from vnasdsl.show.numbers import amount, count_words, span
from vnasdsl.space.elements import Segment, choices
from vnasdsl.space.shapes import Cost, Outcomes
from vnasdsl.space.space import Space


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
    """Rows in columns two spaces apart; the columns in `right` are right-aligned."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def title(space: Space) -> str:
    claim = f" : {space.claim.name}" if space.claim else ""
    size = "" if space.kind == "network" else f", {count_words(space.size)} networks"
    return f"{space.kind} {space.name}{claim}{size}"


def input_line(space: Space) -> str:
    given = space.input
    stride = f", every {given.frame_stride}th frame of the video" if given.frame_stride > 1 else ""
    return f"input {given.name}: {show_shape(given.shape)} (channels x frames x rows x columns){stride}"


def as_table(space: Space) -> str:
    """Stage by stage: the shape behind it, what is chosen in it, its share of the cost."""
    rows = [["stage", "output", "choices", "MACs", "parameters"]]
    before: Outcomes = {space.input.shape: Cost()}
    for segment in space.segments:
        after, cost = stage_outcomes(space, segment, before)
        rows.append(
            [
                segment.name or "-",
                shapes(list(after)),
                choice_text(segment),
                span(cost.macs_min, cost.macs_max),
                span(cost.params_min, cost.params_max),
            ]
        )
        before = after
    rows.append(["total", "", "", span(*space.macs), span(*space.params)])
    foot = [f"{space.input.classes} classes"]
    if space.kind == "network":
        foot.append(f"{space.macs[0]} MACs per clip, {space.params[0]} parameters")
    else:
        foot.append(f"exactly {space.size} networks")
        foot.append(f"MACs from {space.macs[0]} to {space.macs[1]}")
        foot.append(f"parameters from {space.params[0]} to {space.params[1]}")
    foot += [f"limit: {limit.condition.span.text}" for limit in space.limits]
    table = columns(rows, right=(3, 4))
    return "\n".join([title(space), input_line(space), "", table, "", *foot])


def stage_outcomes(space: Space, segment: Segment, before: Outcomes) -> tuple[Outcomes, Cost]:
    """The shapes behind a segment, and its own least and greatest costs over the shapes that can enter it."""
    after: Outcomes = {}
    total: Cost | None = None
    for shape in before:
        for out, cost in space.analysis.outcomes(segment.body, shape).items():
            after[out] = Cost()
            total = cost if total is None else total | cost
    return after, total or Cost()


def shapes(found: list[Shape]) -> str:
    """Shapes of one stage in one: where only channels differ, `48 | 56 | 64 x 16 x 56 x 56`."""
    found = sorted(found)
    if len({shape[1:] for shape in found}) > 1:
        return " or ".join(show_shape(shape) for shape in found)
    channels = [str(shape[0]) for shape in found]
    first = " | ".join(channels) if len(channels) <= 4 else f"{channels[0]} | ... | {channels[-1]}"
    return " x ".join([first, *(str(n) for n in found[0][1:])])


def choice_text(segment: Segment) -> str:
    """How many choices of which kind, with the number of options: `channels 3, 5 x op 4`."""
    counted: dict[tuple[str, int], int] = {}
    for choice in choices(segment.body, ""):
        key = (choice.kind, len(choice.options))
        counted[key] = counted.get(key, 0) + 1
    return ", ".join(
        f"{kind} 1 of {options}" if count == 1 else f"{count} x {kind} 1 of {options}"
        for (kind, options), count in counted.items()
    )


def layer_table(space: Space) -> str:
    """One row a layer."""
    rows = [["layer", "operation", "input", "output", "MACs", "parameters"]]
    for row in space.layers():
        rows.append(
            [
                row.label,
                row.operation,
                show_shape(row.input_shape),
                show_shape(row.output_shape),
                amount(row.macs) if row.macs else "",
                str(row.params) if row.params else "",
            ]
        )
    return "\n".join([title(space), input_line(space), "", columns(rows, right=(4, 5))])
