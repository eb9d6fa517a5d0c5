"""Kinetics: the published CSV files and clips named by video and time.

    DIR/train.csv, val.csv (or validate.csv), test.csv      label,youtube_id,time_start,time_end,split
    DIR/.../<youtube_id>_<start>_<end>.mp4                  six-digit times; anywhere, such as in train/<label>

The classes are the labels of the training rows by name. `test` is the validation split when there is one, as in the
literature, else the test split. Videos vanish from the source, so one that is not on disk is noted, not an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vnasdsl.data.layouts.common import Listed, data_set, existing_folder, find_list, located, read_table
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError

COLUMNS = ("label", "youtube_id", "time_start", "time_end")


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    tests = find_list(root, "val.csv", "validate.csv", "validation.csv", "test.csv")
    parts = {"train": _listed(find_list(root, "train.csv")), "test": _listed(tests)}
    return data_set(spec, "kinetics", located(root, parts))


def _listed(file: Path) -> Iterator[Listed]:
    for line, row in read_table(file, COLUMNS):
        where = f"`{file}`, line {line}"
        name = clip_name(row["youtube_id"], _seconds(row, "time_start", where), _seconds(row, "time_end", where))
        yield Listed(name, None, row["label"], where, row["youtube_id"])


def clip_name(youtube_id: str, start: int, end: int) -> str:
    return f"{youtube_id}_{start:06d}_{end:06d}.mp4"


def _seconds(row: dict[str, str], column: str, where: str) -> int:
    try:
        return int(float(row[column]))
    except (ValueError, OverflowError):
        raise UserError(f"{where}: `{row[column]}` in column `{column}` is not a time in seconds") from None
