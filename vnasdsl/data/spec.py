"""`--data` specs: "ucf101:DIR", "kinetics:DIR", "folder:DIR", "csv:FILE", "synthetic", "synthetic:DIR"."""

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
}
"""A new layout is a new file in `layouts/` and one line here."""
_SPLIT_OPTION = re.compile(r"\?split=(?P<number>[^?]*)$")


def open_data(spec: str, split: int = 1) -> DataSet:
    """The videos that a spec names, checked, before any decoding.

    `split` selects UCF101's official split 1, 2 or 3; "ucf101:DIR?split=2" says the same within the spec and
    wins. "synthetic" makes its files on first use. Raises UserError: an unknown layout, a folder or split file
    that does not exist, an empty class, a label outside the class list, a video listed twice or in both splits.
    """
    text, number = _cut_split_option(spec, split)
    layout, colon, place = text.partition(":")
    if layout not in LAYOUTS:
        known = ", ".join(f"`{name}`" for name in LAYOUTS)
        hint = did_you_mean(layout, LAYOUTS) or f"known kinds of data are {known}, as in `ucf101:DIR`"
        if not colon and Path(spec).exists():
            hint = f"say how it is laid out, as in `folder:{spec}`; known kinds are {known}"
        raise UserError(f"unknown data `{spec}`", hint)
    if not place and layout != "synthetic":
        raise UserError(f"data `{spec}` needs a place", f"write `{layout}:{'FILE' if layout == 'csv' else 'DIR'}`")
    return LAYOUTS[layout](spec, place, number)


def _cut_split_option(spec: str, split: int) -> tuple[str, int]:
    match = _SPLIT_OPTION.search(spec)
    if match is None:
        return spec, split
    if not match["number"].isdecimal():
        raise UserError(f"`{match['number']}` in `{spec}` is not a split number", "write `?split=1`, 2 or 3")
    return spec[: match.start()], int(match["number"])
