"""A CSV file with the columns path and label, and optionally split (train / test or val).

Relative paths start at the folder of the CSV file. The classes are the labels of the training rows, in the order
of their names (numbers by value). Without a split column a fifth of every class is drawn for testing, always the
same videos; a note says so.
"""

from __future__ import annotations

from pathlib import Path

from vnasdsl.data.layouts.common import Listed, absolute, data_set, read_table
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError

_SPLITS = {"train": "train", "training": "train", "test": "test", "val": "test", "validate": "test"}


def read(spec: str, place: str, split: int) -> DataSet:
    file = Path(place).expanduser()
    if not file.is_file():
        raise UserError(f"CSV file `{place}` does not exist", f"it is given by `{spec}`")
    parts: dict[str, list[Listed]] = {"train": [], "test": []}
    has_splits = False
    for line, row in read_table(file, ("path", "label")):
        where = f"`{place}`, line {line}"
        path = file.parent / Path(row["path"]).expanduser()
        if not path.is_file():
            raise UserError(
                f"{where}: video `{row['path']}` does not exist", "relative paths start at the CSV's folder"
            )
        has_splits = "split" in row
        parts[_split_of(row, where)].append(Listed(row["path"], absolute(path), row["label"], where))
    if parts["test"] and not parts["train"]:
        raise UserError(
            f"no training videos in `{place}`: every row is a test row", "the training rows name the classes"
        )
    return data_set(spec, "csv", parts if has_splits else {"train": parts["train"]})


def _split_of(row: dict[str, str], where: str) -> str:
    if "split" not in row:
        return "train"
    word = row["split"].lower()
    if word not in _SPLITS:
        raise UserError(f"{where}: unknown split `{row['split']}`", "write `train` or `test`")
    return _SPLITS[word]
