"""Kinetics: the published CSV files and clips named by video and time.

    DIR/train.csv, val.csv (or validate.csv), test.csv      label,youtube_id,time_start,time_end,split
    DIR[/<split>[/<label>]]/<youtube_id>_<start>_<end>.mp4  six-digit times; <label> also with underscores

The classes are the labels of the training rows by name. `test` is the validation split when there is one, as in the
literature, else the test split. Videos vanish from the source, so one that is not on disk is noted, not an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vnasdsl.data.layouts.common import Listed, absolute, data_set, existing_folder, read_table
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError

COLUMNS = ("label", "youtube_id", "time_start", "time_end")
_NAMES = {"train": ("train",), "val": ("val", "validate", "validation"), "test": ("test",)}
"""Of the lists and folders of each split."""


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    finder = _Finder(root)
    parts = {"train": _listed(root, ("train",), finder), "test": _listed(root, ("val", "test"), finder)}
    return data_set(spec, "kinetics", parts)


def _listed(root: Path, splits: tuple[str, ...], finder: _Finder) -> Iterator[Listed]:
    """The rows of the list of the first of some splits that has one."""
    split, path = _find_list(root, splits)
    for line, row in read_table(path, COLUMNS):
        where = f"`{path}`, line {line}"
        name = clip_name(row["youtube_id"], _seconds(row, "time_start", where), _seconds(row, "time_end", where))
        file = finder.find(split, row["label"], name)
        yield Listed(name, None if file is None else absolute(file), row["label"], where, row["youtube_id"])


def _find_list(root: Path, splits: tuple[str, ...]) -> tuple[str, Path]:
    names = {f"{name}.csv": split for split in splits for name in _NAMES[split]}
    for name, split in names.items():
        for folder in (root, root / "annotations"):
            if (folder / name).is_file():
                return split, folder / name
    listed = " or ".join(f"`{name}`" for name in names)
    raise UserError(f"split file {listed} does not exist in `{root}`", "it is part of the published annotations")


def clip_name(youtube_id: str, start: int, end: int) -> str:
    return f"{youtube_id}_{start:06d}_{end:06d}.mp4"


def _seconds(row: dict[str, str], column: str, where: str) -> int:
    try:
        return int(float(row[column]))
    except (ValueError, OverflowError):
        raise UserError(f"{where}: `{row[column]}` in column `{column}` is not a time in seconds") from None


class _Finder:
    """Where clips lie. Each folder is listed once: 240 000 clips times six places would be slow to probe."""

    def __init__(self, root: Path):
        self.root = root
        self.contents: dict[Path, frozenset[str]] = {}

    def find(self, split: str, label: str, name: str) -> Path | None:
        spellings = dict.fromkeys((label, label.replace(" ", "_")))
        tops = (*(self.root / folder for folder in _NAMES[split]), self.root)
        for top in tops:
            for folder in (*(top / spelling for spelling in spellings), top):
                if name in self._names(folder):
                    return folder / name
        return None

    def _names(self, folder: Path) -> frozenset[str]:
        if folder not in self.contents:
            found = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
            self.contents[folder] = frozenset(found)
        return self.contents[folder]
