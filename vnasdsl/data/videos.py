"""What a data set is: lists of videos with labels. No decoding happens here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vnasdsl.language.diagnostics import UserError

# UCF101 names its files v_<Class>_g<group>_c<clip>.avi: clips of one group were cut from one source video.
_GROUP_IN_NAME = re.compile(r"_(g\d+)_c\d+$")


@dataclass(frozen=True)
class Video:
    """One video file with its label. `group` names the source that several files were cut from; "" for a single one."""

    path: str
    label: int
    class_name: str
    group: str = ""


@dataclass(frozen=True)
class DataSet:
    """The videos of a data set in a deterministic order.

    `notes`: what a user should know before training; `missing`: listed videos that are not on disk, by split.
    """

    name: str
    layout: str
    classes: tuple[str, ...]
    train: tuple[Video, ...]
    test: tuple[Video, ...]
    notes: tuple[str, ...] = ()
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)


def group_of(path: str | Path) -> str:
    """The group in a UCF101 file name ("g07"), or ""."""
    match = _GROUP_IN_NAME.search(Path(path).stem)
    return match.group(1) if match else ""


def check_data(data: DataSet, may_lack_test: bool = False) -> DataSet:
    """Raises UserError for no videos, a double one, or an empty class (`may_lack_test`: only noted of test videos)."""
    for part, videos in (("training", data.train), ("test", data.test)):
        if not videos:
            help = f"`vnasdsl data info --help` describes the folders that `{data.layout}` expects"
            raise UserError(f"no {part} videos in `{data.name}`", help)
    check_doubles({"train": data.train, "test": data.test})
    _check_empty(data, "train", data.train)
    if not may_lack_test:
        _check_empty(data, "test", data.test)
        return data
    lacking = _classes_without(data.classes, data.test)
    if not lacking:
        return data
    note = f"{len(lacking)} of {len(data.classes)} classes have no test video: {_some(lacking)}"
    return replace(data, notes=(*data.notes, note))


def check_doubles(lists: dict[str, Sequence[Video]]) -> None:
    """Raises UserError when a file is listed twice, in one list or in two."""
    split_of: dict[str, str] = {}
    for split, videos in lists.items():
        for video in videos:
            before = split_of.get(video.path)
            if before == split:
                raise UserError(
                    f"video `{video.path}` is listed twice in the {split} list", "remove one of the entries"
                )
            if before is not None:
                raise UserError(
                    f"video `{video.path}` is both a train and a test video",
                    "remove it from one of the lists: training videos must not be used for testing",
                )
            split_of[video.path] = split


def _check_empty(data: DataSet, split: str, videos: tuple[Video, ...]) -> None:
    empty = _classes_without(data.classes, videos)
    if empty:
        many = f"classes {_some(empty)} have" if len(empty) > 1 else f"class `{empty[0]}` has"
        raise UserError(f"{many} no {split} videos in `{data.name}`", "add videos or remove the class from the lists")


def _classes_without(classes: tuple[str, ...], videos: tuple[Video, ...]) -> list[str]:
    present = {video.class_name for video in videos}
    return [name for name in classes if name not in present]


def _some(names: list[str], limit: int = 5) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
