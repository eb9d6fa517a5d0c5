"""A CSV file with the columns path and label, and optionally split (train / test or val).

Relative paths start at the folder of the CSV file. The classes are the labels of the training rows, in the order
of their names (numbers by value). Without a split column a fifth of every class is drawn for testing, always the
same videos; a note says so.
"""

from __future__ import annotations

from pathlib import Path

from vnasdsl.data.layouts.common import absolute, label_number, read_table
from vnasdsl.data.videos import DataSet, Video, check_data, check_doubles, group_of, split_by_class
from vnasdsl.language.diagnostics import UserError

_SPLITS = {"train": "train", "training": "train", "test": "test", "val": "test", "validate": "test"}


def read(spec: str, place: str, split: int) -> DataSet:
    file = Path(place).expanduser()
    if not file.is_file():
        raise UserError(f"CSV file `{place}` does not exist", f"it is given by `{spec}`")
    rows = read_table(file, ("path", "label"))
    splits = [_split_of(row, f"`{place}`, line {line}") for line, row in rows]
    labels = {row["label"] for (_, row), part in zip(rows, splits, strict=True) if part != "test"}
    if rows and not labels:
        raise UserError(
            f"no training videos in `{place}`: every row is a test row", "the training rows name the classes"
        )
    numeric = all(label.isdecimal() for label in labels)
    names = sorted(labels, key=(lambda text: (int(text), text)) if numeric else None)
    classes = {name: number for number, name in enumerate(names)}
    videos: dict[str, list[Video]] = {"train": [], "test": [], "": []}
    for (line, row), part in zip(rows, splits, strict=True):
        where = f"`{place}`, line {line}"
        label = label_number(row["label"], classes, where)
        path = file.parent / Path(row["path"]).expanduser()
        if not path.is_file():
            raise UserError(
                f"{where}: video `{row['path']}` does not exist", "relative paths start at the CSV's folder"
            )
        videos[part].append(Video(absolute(path), label, row["label"], group_of(path)))
    if not videos[""]:
        return check_data(DataSet(spec, "csv", tuple(names), tuple(videos["train"]), tuple(videos["test"])))
    check_doubles({"video": videos[""]})
    train, test = split_by_class(videos[""], (0.8, 0.2))
    note = f"no column `split`: {len(test)} of {len(videos[''])} videos drawn for testing, a fifth of every class"
    return check_data(DataSet(spec, "csv", tuple(names), train, test, (note,)))


def _split_of(row: dict[str, str], where: str) -> str:
    if "split" not in row:
        return ""
    word = row["split"].lower()
    if word not in _SPLITS:
        raise UserError(f"{where}: unknown split `{row['split']}`", "write `train` or `test`")
    return _SPLITS[word]
