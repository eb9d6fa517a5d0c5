"""A comparison for programs: the values of `model.py` as JSON. docs/git.md describes the keys."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from vnasdsl.show.diff.model import FileDiff
from vnasdsl.space.costs import Cost

FORMAT = 1


def as_object(diff: FileDiff) -> dict[str, Any]:
    """An object of plain values. Numbers of networks are strings, because they can exceed what JSON readers hold."""
    return {"format": FORMAT, **_plain(diff)}


def _plain(value: Any) -> Any:
    if isinstance(value, Cost):
        return {
            "macs": {"min": value.macs_min, "max": value.macs_max},
            "params": {"min": value.params_min, "max": value.params_max},
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not is_dataclass(value):
        return value
    found = {"equal": value.equal} if hasattr(value, "equal") else {}
    for f in fields(value):
        item = getattr(value, f.name)
        if f.name == "cost":
            found |= {"macs": None, "params": None} if item is None else _plain(item)
        else:
            found[f.name] = str(item) if f.name == "size" else _plain(item)
    return found
