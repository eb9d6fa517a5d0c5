"""Kinetics: the published CSV files and clips named by video and time.

    DIR/train.csv, val.csv (or validate.csv), test.csv      label,youtube_id,time_start,time_end,split
    DIR[/<split>[/<label>]]/<youtube_id>_<start>_<end>.mp4  six-digit times; <label> also with underscores

The classes are the labels of the training rows by name. `test` is the validation split when there is one, as in the
literature, else the test split. Videos vanish from the source, so one that is not on disk is noted, not an error.
"""

from __future__ import annotations

from pathlib import Path

from vnasdsl.data.layouts.common import absolute, existing_folder, label_number, read_table
from vnasdsl.data.videos import DataSet, Video, check_data
from vnasdsl.language.diagnostics import UserError

COLUMNS = ("label", "youtube_id", "time_start", "time_end")
_FILES = {"train": ("train.csv",), "val": ("val.csv", "validate.csv"), "test": ("test.csv",)}
_FOLDERS = {"train": ("train",), "val": ("val", "validate", "validation"), "test": ("test",)}


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    train_list = _find_list(root, "train")
    if train_list is None:
        raise UserError(f"split file `{root / 'train.csv'}` does not exist", "it is part of the published annotations")
    test_split, test_list = "val", _find_list(root, "val")
    if test_list is None:
        test_split, test_list = "test", _find_list(root, "test")
    if test_list is None:
        raise UserError(f"neither `val.csv` nor `validate.csv` nor `test.csv` is in `{root}`")
    train_rows = read_table(train_list, COLUMNS)
    names = sorted({row["label"] for _, row in train_rows})
    classes = {name: number for number, name in enumerate(names)}
    finder = _Finder(root)
    train, lost_train = _read_rows(train_list, train_rows, "train", classes, finder)
    test, lost_test = _read_rows(test_list, read_table(test_list, COLUMNS), test_split, classes, finder)
    missing = {"train": lost_train, "test": lost_test}
    listed = {"train": len(train) + len(lost_train), "test": len(test) + len(lost_test)}
    notes = tuple(
        f"{len(lost)} of {listed[part]} listed {part} videos are not on disk" for part, lost in missing.items() if lost
    )
    return check_data(DataSet(spec, "kinetics", tuple(names), train, test, notes, missing), may_lack_test=True)


def _find_list(root: Path, split: str) -> Path | None:
    for folder in (root, root / "annotations"):
        for name in _FILES[split]:
            if (folder / name).is_file():
                return folder / name
    return None


def _read_rows(
    path: Path, rows: list[tuple[int, dict[str, str]]], split: str, classes: dict[str, int], finder: _Finder
) -> tuple[tuple[Video, ...], tuple[str, ...]]:
    videos: list[Video] = []
    missing: list[str] = []
    for line, row in rows:
        where = f"`{path}`, line {line}"
        label = label_number(row["label"], classes, where)
        name = clip_name(row["youtube_id"], _seconds(row, "time_start", where), _seconds(row, "time_end", where))
        file = finder.find(split, row["label"], name)
        if file is None:
            missing.append(name)
        else:
            videos.append(Video(absolute(file), label, row["label"], row["youtube_id"]))
    return tuple(videos), tuple(missing)


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
        tops = (*(self.root / folder for folder in _FOLDERS[split]), self.root)
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
