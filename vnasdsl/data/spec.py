"""`--data` specs: "ucf101:DIR", "kinetics:DIR", "folder:DIR", "csv:FILE", "synthetic", "periods", "synthetic:DIR"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vnasdsl.data.exclude import without
from vnasdsl.data.layouts.readers import (
    read_charades,
    read_csv,
    read_folder,
    read_kinetics,
    read_mmaction2,
    read_something,
    read_synthetic,
    read_ucf101,
    read_webdataset,
)
from vnasdsl.data.streams import with_streams
from vnasdsl.data.videos import DataSet, together
from vnasdsl.language.diagnostics import UserError, did_you_mean

LAYOUTS: dict[str, Callable[[str, str, int], DataSet]] = {
    "ucf101": read_ucf101,
    "kinetics": read_kinetics,
    "folder": read_folder,
    "csv": read_csv,
    "charades": read_charades,
    "mmaction2": read_mmaction2,
    "something": read_something,
    "webdataset": read_webdataset,
    "synthetic": read_synthetic,
    "periods": read_synthetic,
}
"""A new layout is a function in `layouts/readers.py` and one line here."""
_OPTIONS = re.compile(r"\?(?P<pairs>\w+=[^?&]*(&\w+=[^?&]*)*)$")
_KNOWN = ("split", "exclude")
_SEVERAL = re.compile(rf",(?=(?:{'|'.join(LAYOUTS)})(?::|$))")


def open_data(spec: str, split: int = 1) -> DataSet:
    """The videos that a spec names, checked, before any decoding; "synthetic" makes its files on first use.

    `split` selects UCF101's official split 1, 2 or 3; "ucf101:DIR?split=2" says the same and wins. "?exclude=FILE"
    leaves out the videos that a list names, and "?NAME=DIR" says where the maps for the input NAME lie. Several specs
    with commas between them are one set. Raises: UserError.
    """
    text, options = _options(spec)
    places = {key: place for key, place in options.items() if key not in _KNOWN}
    data = _listed(spec, text, options, split)
    return replace(data, train=with_streams(data.train, places), test=with_streams(data.test, places))


def _listed(spec: str, text: str, options: dict[str, str], split: int) -> DataSet:
    several = _SEVERAL.split(text)
    if len(several) > 1:
        data = together(spec, [open_data(each, _split_number(options, split)) for each in several])
        return without(data, options["exclude"]) if "exclude" in options else data
    layout, colon, place = text.partition(":")
    if layout not in LAYOUTS:
        known = ", ".join(f"`{name}`" for name in LAYOUTS)
        hint = did_you_mean(layout, LAYOUTS) or f"known kinds of data are {known}, as in `ucf101:DIR`"
        if not colon and Path(spec).exists():
            hint = f"say how it is laid out, as in `folder:{spec}`; known kinds are {known}"
        raise UserError(f"unknown data `{spec}`", hint)
    if not place and layout not in ("synthetic", "periods"):
        raise UserError(f"data `{spec}` needs a place", f"write `{layout}:{'FILE' if layout == 'csv' else 'DIR'}`")
    data = LAYOUTS[layout](spec, place, _split_number(options, split))
    return without(data, options["exclude"]) if "exclude" in options else data


def rebased(spec: str, folder: Path) -> str:
    """The spec of the same data in another working directory: a relative place starts at `folder`."""
    text, options = _options(spec)
    for key, value in options.items():
        if key != "split":
            options[key] = "+".join(str(folder / Path(place).expanduser()) for place in value.split("+"))
    moved = []
    for each in _SEVERAL.split(text):
        layout, _, place = each.partition(":")
        moved.append(f"{layout}:{folder / place}" if place and not place.startswith("~") else each)
    return ",".join(moved) + ("?" + "&".join(f"{key}={value}" for key, value in options.items())) * bool(options)


def is_there(spec: str) -> bool:
    """Whether the places that a spec names exist; one that names none does."""
    places = [each.partition(":")[2] for each in _SEVERAL.split(_options(spec)[0])]
    return all(not place or Path(place).expanduser().exists() for place in places)


def official_split(data: DataSet) -> int | None:
    """Which of UCF101's three splits a data set is, None where it is none."""
    return _split_number(_options(data.name)[1], 1) if data.layout == "ucf101" else None


def with_option(spec: str, key: str, value: str) -> str:
    """A spec with one more option."""
    return f"{spec}{'&' if _OPTIONS.search(spec) else '?'}{key}={value}"


def _options(spec: str) -> tuple[str, dict[str, str]]:
    """A spec without its options, and those."""
    found = _OPTIONS.search(spec)
    if found is None:
        return spec, {}
    pairs = [pair.split("=", 1) for pair in found["pairs"].split("&")]
    options = dict(pairs)
    if len(options) < len(pairs):
        raise UserError(f"`{spec}` has an option twice", "several lists of videos to leave out can be put into one")
    for key in options:
        if key not in _KNOWN and (help := did_you_mean(key, _KNOWN)):
            raise UserError(f"unknown option `{key}` in `{spec}`", help)
    return spec[: found.start()], options


def _split_number(options: dict[str, str], default: int) -> int:
    text = options.get("split", str(default))
    if not text.isdecimal():
        raise UserError(f"`{text}` is not a split number", "write `?split=1`, 2 or 3")
    return int(text)
