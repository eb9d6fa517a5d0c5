"""Charades: videos that show several actions each.

    DIR/Charades_v1_train.csv, Charades_v1_test.csv      id, ..., actions: "c092 11.90 21.20;c147 0.00 12.60"
    DIR/Charades_v1_classes.txt                          "c000 Holding some clothes"
    DIR/.../ID.mp4                                       anywhere, such as in Charades_v1_480

The lists may lie in DIR/Charades. A video without an action is left out, one that is not on disk too; both are noted.
"""

from __future__ import annotations

from vnasdsl.data.layouts.common import Listed, data_set, existing_folder, find_list, located, read_lines, read_table
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    class_file = find_list(root, "Charades_v1_classes.txt")
    names: dict[str, str] = {}
    for line, text in read_lines(class_file):
        key, _, name = text.partition(" ")
        if not name or key in names:
            raise UserError(f"`{class_file}`, line {line}: expected `c000 Holding some clothes`, each number once")
        names[key] = name.strip()
    parts: dict[str, list[Listed]] = {}
    notes: list[str] = []
    for part in ("train", "test"):
        file, idle = find_list(root, f"Charades_v1_{part}.csv"), 0
        parts[part] = []
        for line, row in read_table(file, ("id",), ("actions",)):
            keys = dict.fromkeys(action.split()[0] for action in row["actions"].split(";") if action.strip())
            labels = tuple(names.get(key, key) for key in keys)
            idle += not labels
            if labels:
                where = f"`{file}`, line {line}"
                parts[part].append(Listed(row["id"], None, labels[0], where, labels=labels))
        notes += [f"{idle} {part} videos without an action are left out"] if idle else []
    return data_set(spec, "charades", located(root, parts), tuple(names.values()), notes=notes)
