"""A folder per class under train/ and test/ (or val/ when there is no test/).

    DIR/train/<class>/<video>       DIR/test/<class>/<video>

The classes are the folders under train/, in the order of their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vnasdsl.data.layouts.common import Listed, absolute, data_set, existing_folder, videos_in
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    folders = {
        "train": _split_folder(root, ("train", "training")),
        "test": _split_folder(root, ("test", "val", "validation")),
    }
    parts = {part: _listed(folder) for part, folder in folders.items()}
    return data_set(spec, "folder", parts, _class_folders(folders["train"]))


def _split_folder(root: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise UserError(f"`{root}` has no folder `{names[0]}`", "expected a folder per class under `train` and `test`")


def _class_folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _listed(folder: Path) -> Iterator[Listed]:
    for name in _class_folders(folder):
        for path in videos_in(folder / name):
            yield Listed(path.name, absolute(path), name, f"`{folder}`")
