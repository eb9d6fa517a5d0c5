"""A comparison for programs: one object whose keys stay. docs/git.md describes it."""

from __future__ import annotations

from typing import Any

from vnasdsl.layers.base import Shape
from vnasdsl.show.diff.model import (
    BlockChange,
    Choosing,
    Comparison,
    Definition,
    FileDiff,
    LineChange,
    Side,
    StageChange,
    StageSide,
    ValueChange,
)
from vnasdsl.space.costs import Cost

FORMAT = 1


def as_object(diff: FileDiff) -> dict[str, Any]:
    """Numbers of networks are texts, because they pass what JSON readers hold exactly. MACs and parameters are
    {"min", "max"}, equal for a network; shapes are lists without the batch."""
    return {
        "format": FORMAT,
        "equal": diff.equal,
        "before": diff.before_title,
        "after": diff.after_title,
        "removed": [_definition(one) for one in diff.removed],
        "added": [_definition(one) for one in diff.added],
        "blocks": [_block(one) for one in diff.blocks],
        "compared": [_pair(pair) for pair in diff.pairs],
    }


def _pair(pair: Comparison | Choosing) -> dict[str, Any]:
    common = {"before": _definition(pair.before), "after": _definition(pair.after), "equal": pair.equal}
    if isinstance(pair, Choosing):
        departure = None
        if pair.departure is not None:
            left = pair.departure
            departure = {"message": left.message, "help": left.help, "line": left.line, "text": left.text}
        chosen = [
            {"stage": c.stage, "name": c.name, "kind": c.kind, "option": c.option, "options": list(c.options)}
            for c in pair.chosen
        ]
        return {**common, "what": "choosing", "chosen": chosen, "unmade": pair.unmade, "departure": departure}
    return {
        **common,
        "what": "comparison",
        "input": [_value(one) for one in pair.inputs],
        "limits": [_value(one) for one in pair.limits],
        "blocks": [_block(one) for one in pair.blocks],
        "stages": [_stage(one) for one in pair.stages],
    }


def _definition(one: Definition) -> dict[str, Any]:
    """`macs` and `params` are null where they are not worked out; `size` is a number, `infinite` or `not counted`."""
    cost = one.totals.cost
    figures = _cost(cost) if cost is not None else {"macs": None, "params": None}
    return {"name": one.name, "kind": one.kind, "size": str(one.totals.size), **figures}


def _cost(cost: Cost) -> dict[str, Any]:
    return {
        "macs": {"min": cost.macs_min, "max": cost.macs_max},
        "params": {"min": cost.params_min, "max": cost.params_max},
    }


def _value(change: ValueChange) -> dict[str, Any]:
    return {"name": change.name, "before": change.before, "after": change.after}


def _block(change: BlockChange) -> dict[str, Any]:
    return {
        "change": change.kind,
        "before": change.before,
        "after": change.after,
        "lines": [_line(line) for line in change.lines],
        "uses": [{"stage": stage, "lines": count} for stage, count in change.uses],
    }


def _stage(change: StageChange) -> dict[str, Any]:
    return {
        "change": change.kind,
        "before": _stage_side(change.before),
        "after": _stage_side(change.after),
        "lines": [_line(line) for line in change.lines],
        "affected": {
            "lines": change.affected,
            "before": _cost(change.affected_before),
            "after": _cost(change.affected_after),
        },
    }


def _stage_side(side: StageSide | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {"name": side.name, "outputs": _shapes(side.outputs), "size": str(side.size), **_cost(side.cost)}


def _line(change: LineChange) -> dict[str, Any]:
    return {
        "change": change.kind,
        "before": _side(change.before),
        "after": _side(change.after),
        "details": [{"what": d.what, "name": d.name, "before": d.before, "after": d.after} for d in change.details],
        "inside": [_line(line) for line in change.inside],
    }


def _side(side: Side | None) -> dict[str, Any] | None:
    """Inside a block `macs` and `params` are null and shapes are empty: they are known where the block is used."""
    if side is None:
        return None
    cost = _cost(side.cost) if side.cost is not None else {"macs": None, "params": None}
    shapes = {"inputs": _shapes(side.inputs), "outputs": _shapes(side.outputs)}
    return {"label": side.label, "text": side.text, **shapes, "size": str(side.size), **cost}


def _shapes(shapes: tuple[Shape, ...]) -> list[list[int]]:
    return [list(shape) for shape in shapes]
