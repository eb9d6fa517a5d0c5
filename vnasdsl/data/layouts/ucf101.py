"""UCF101: class folders of .avi files and the official split lists.

    DIR/<Class>/v_<Class>_g01_c01.avi       or  DIR/UCF-101/<Class>/...
    DIR/ucfTrainTestlist/classInd.txt       "1 ApplyEyeMakeup"; or the three lists in DIR itself or beside DIR
                         trainlist01.txt    "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1"; also 02, 03
                         testlist01.txt     "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi"

The set is published whole, so a listed video that is not on disk is an error. Names may hold spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vnasdsl.data.layouts.common import Listed, absolute, data_set, existing_folder, find_list, read_lines
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError

_VIDEO = re.compile(r"(?P<class>[^/]+)/(?P<file>[^/]+\.\w+)(\s+(?P<number>\d+))?")


def read(spec: str, place: str, split: int) -> DataSet:
    if split not in (1, 2, 3):
        raise UserError(f"UCF101 has no split {split}", "its official splits are 1, 2 and 3")
    folder = existing_folder(place, spec)
    lists = _folder_of_lists(folder)
    classes = _read_classes(lists / "classInd.txt")
    root = folder / "UCF-101" if (folder / "UCF-101").is_dir() else folder
    parts = {part: _listed(find_list(lists, f"{part}list{split:02d}.txt"), root, classes) for part in ("train", "test")}
    return data_set(spec, "ucf101", parts, tuple(classes), whole=True)


def _folder_of_lists(folder: Path) -> Path:
    candidates = (folder / "ucfTrainTestlist", folder, folder.parent / "ucfTrainTestlist", folder.parent)
    for candidate in candidates:
        if (candidate / "classInd.txt").is_file():
            return candidate
    raise UserError(
        f"split file `classInd.txt` not found for `{folder}`",
        "put the official `ucfTrainTestlist` folder into the data folder or beside it",
    )


def _read_classes(path: Path) -> dict[str, int]:
    """Class name -> label counted from 0, in the order of the numbers in the file."""
    numbered: dict[int, str] = {}
    for line, text in read_lines(path):
        words = text.split(maxsplit=1)
        if len(words) != 2 or not words[0].isdecimal():
            raise UserError(f"`{path}`, line {line}: expected a number and a class name, as in `1 ApplyEyeMakeup`")
        number, name = int(words[0]), words[1]
        if number in numbered or name in numbered.values():
            raise UserError(f"`{path}`, line {line}: class `{name}` or number {number} is listed twice")
        numbered[number] = name
    if sorted(numbered) != list(range(1, len(numbered) + 1)):
        raise UserError(f"`{path}`: the classes must be numbered 1 to {len(numbered)} without a gap")
    return {numbered[number]: number - 1 for number in sorted(numbered)}


def _listed(path: Path, root: Path, classes: dict[str, int]) -> Iterator[Listed]:
    for line, text in read_lines(path):
        where = f"`{path}`, line {line}"
        match = _VIDEO.fullmatch(text.replace("\\", "/"))
        if match is None:
            help = "train lists have the class number after it, as in `Archery/v_Archery_g08_c01.avi 1`"
            raise UserError(f"{where}: expected `<Class>/<video>.avi`, not `{text}`", help)
        name, number = match["class"], match["number"]
        if name in classes and number not in (None, str(classes[name] + 1)):
            own = classes[name] + 1
            raise UserError(f"{where}: label {number} is not the number of class `{name}`, which is {own}")
        file = root / name / match["file"]
        yield Listed(f"{name}/{match['file']}", absolute(file) if file.is_file() else None, name, where)
