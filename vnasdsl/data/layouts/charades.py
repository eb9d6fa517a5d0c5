"""Charades: videos that show several actions each.

    DIR/Charades_v1_train.csv, Charades_v1_test.csv      id, ..., actions: "c092 11.90 21.20;c147 0.00 12.60"
    DIR/Charades_v1_classes.txt                          "c000 Holding some clothes"
    DIR[/Charades_v1_480 or /Charades_v1]/ID.mp4

The lists may lie in DIR/Charades. A video without an action is left out, one that is not on disk too; both are noted.
"""

from __future__ import annotations

from pathlib import Path

from vnasdsl.data.layouts.common import absolute, existing_folder, label_number, read_lines, read_table
from vnasdsl.data.videos import DataSet, Video, check_data
from vnasdsl.language.diagnostics import UserError


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    class_file = _find(root, "Charades_v1_classes.txt")
    names: dict[str, str] = {}
    for line, text in read_lines(class_file):
        key, _, name = text.partition(" ")
        if not name or key in names:
            raise UserError(f"`{class_file}`, line {line}: expected `c000 Holding some clothes`, each number once")
        names[key] = name.strip()
    numbers = {key: number for number, key in enumerate(names)}
    classes = tuple(names.values())
    parts: dict[str, tuple[Video, ...]] = {}
    missing: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    for part in ("train", "test"):
        file = _find(root, f"Charades_v1_{part}.csv")
        videos, lost, idle = [], [], 0
        for line, row in read_table(file, ("id",), ("actions",)):
            keys = dict.fromkeys(action.split()[0] for action in row["actions"].split(";") if action.strip())
            labels = tuple(sorted(label_number(key, numbers, f"`{file}`, line {line}") for key in keys))
            path = _video(root, row["id"])
            if path is None:
                lost.append(row["id"])
            elif not labels:
                idle += 1
            else:
                video = Video(absolute(path), labels[0], classes[labels[0]], "", labels, len(classes))
                videos.append(video)
        parts[part], missing[part] = tuple(videos), tuple(lost)
        notes += [f"{len(lost)} listed {part} videos are not on disk"] if lost else []
        notes += [f"{idle} {part} videos without an action are left out"] if idle else []
    data = DataSet(spec, "charades", classes, parts["train"], parts["test"], tuple(notes), missing)
    return check_data(data, may_lack_test=True)


def _find(root: Path, name: str) -> Path:
    for folder in (root, root / "Charades"):
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"`{root}` has no `{name}`", "it is part of the published annotations")


def _video(root: Path, name: str) -> Path | None:
    places = (root / folder / f"{name}.mp4" for folder in ("", "Charades_v1_480", "Charades_v1", "videos"))
    return next((place for place in places if place.is_file()), None)
