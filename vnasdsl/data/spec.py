"""`--data` specs: "ucf101:DIR", "kinetics:DIR", "folder:DIR", "csv:FILE", "synthetic", "periods", "synthetic:DIR"."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from vnasdsl.data.layouts import csv_file, folder, kinetics, synthetic, ucf101
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError, did_you_mean

LAYOUTS: dict[str, Callable[[str, str, int], DataSet]] = {
    "ucf101": ucf101.read,
    "kinetics": kinetics.read,
    "folder": folder.read,
    "csv": csv_file.read,
    "synthetic": synthetic.read,
    "periods": synthetic.read,
}
"""A new layout is a new file in `layouts/` and one line here."""
_SPLIT_OPTION = re.compile(r"\?split=(?P<number>[^?]*)$")


def open_data(spec: str, split: int = 1) -> DataSet:
    """The videos that a spec names, checked, before any decoding; "synthetic" makes its files on first use.

    `split` selects UCF101's official split 1, 2 or 3; "ucf101:DIR?split=2" says the same and wins. Raises: UserError.
    """
    text, number = _split(spec, split)
    layout, colon, place = text.partition(":")
    if layout not in LAYOUTS:
        known = ", ".join(f"`{name}`" for name in LAYOUTS)
        hint = did_you_mean(layout, LAYOUTS) or f"known kinds of data are {known}, as in `ucf101:DIR`"
        if not colon and Path(spec).exists():
            hint = f"say how it is laid out, as in `folder:{spec}`; known kinds are {known}"
        raise UserError(f"unknown data `{spec}`", hint)
    if not place and layout not in ("synthetic", "periods"):
        raise UserError(f"data `{spec}` needs a place", f"write `{layout}:{'FILE' if layout == 'csv' else 'DIR'}`")
    return LAYOUTS[layout](spec, place, number)


def rebased(spec: str, folder: Path) -> str:
    """The spec of the same data in another working directory: a relative place starts at `folder`."""
    layout, _, place = spec.partition(":")
    return f"{layout}:{folder / place}" if place and not place.startswith("~") else spec


def is_there(spec: str) -> bool:
    """Whether the place that a spec names exists; one that names none does."""
    place = _split(spec, 1)[0].partition(":")[2]
    return not place or Path(place).expanduser().exists()


def official_split(data: DataSet) -> int | None:
    """Which of UCF101's three splits a data set is, None where it is none."""
    return _split(data.name, 1)[1] if data.layout == "ucf101" else None


def _split(spec: str, default: int) -> tuple[str, int]:
    """A spec without its `?split=`, and the number of the split."""
    option = _SPLIT_OPTION.search(spec)
    if option is None:
        return spec, default
    if not option["number"].isdecimal():
        raise UserError(f"`{option['number']}` in `{spec}` is not a split number", "write `?split=1`, 2 or 3")
    return spec[: option.start()], int(option["number"])
