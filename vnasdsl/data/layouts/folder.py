"""A folder per class under train/ and test/ (or val/ when there is no test/).

    DIR/train/<class>/<video>       DIR/test/<class>/<video>

The classes are the folders under train/, in the order of their names.
"""

from __future__ import annotations

from pathlib import Path

from vnasdsl.data.layouts.common import absolute, existing_folder, label_number, videos_in
from vnasdsl.data.videos import DataSet, Video, check_data, group_of
from vnasdsl.language.diagnostics import UserError


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    train_folder = _split_folder(root, ("train", "training"))
    test_folder = _split_folder(root, ("test", "val", "validation"))
    names = _class_folders(train_folder)
    classes = {name: number for number, name in enumerate(names)}
    for name in _class_folders(test_folder):
        label_number(name, classes, f"`{test_folder}`")
    train = _read_split(train_folder, classes)
    test = _read_split(test_folder, classes)
    return check_data(DataSet(spec, "folder", tuple(names), train, test))


def _split_folder(root: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise UserError(f"`{root}` has no folder `{names[0]}`", "expected a folder per class under `train` and `test`")


def _class_folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read_split(folder: Path, classes: dict[str, int]) -> tuple[Video, ...]:
    return tuple(
        Video(absolute(path), label, name, group_of(path))
        for name, label in classes.items()
        if (folder / name).is_dir()
        for path in videos_in(folder / name)
    )
