"""Something-Something, version 1 or 2: its JSON lists and videos named by number.

    DIR/[labels/]*train.json, *validation.json      [{"id": "78687", "template": "Holding [something]", ...}, ...]
    DIR/[labels/]*labels.json                       {"Holding something": "0", ...}
    DIR[/20bn-something-something-v2]/78687.webm    or another suffix of videos

`test` is the validation list: the labels of the test list are not public. A listed video that is not on disk is noted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vnasdsl.data.layouts.common import VIDEO_SUFFIXES, absolute, existing_folder, label_number, read_text
from vnasdsl.data.videos import DataSet, Video, check_data
from vnasdsl.language.diagnostics import UserError


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    numbers, label_file = _json(root, "labels")
    if not isinstance(numbers, dict):
        raise UserError(f"`{label_file}` is no object of class names and numbers")
    names = tuple(sorted(numbers, key=lambda name: int(numbers[name])))
    classes = {name: number for number, name in enumerate(names)}
    files = _files(root)
    parts: dict[str, tuple[Video, ...]] = {}
    missing: dict[str, tuple[str, ...]] = {}
    for part, word in (("train", "train"), ("test", "validation")):
        entries, file = _json(root, word)
        videos, lost = [], []
        for number, entry in enumerate(entries, start=1):
            where = f"`{file}`, entry {number}"
            try:
                key, template = str(entry["id"]), str(entry.get("template") or entry["label"])
            except (TypeError, KeyError, AttributeError):
                raise UserError(f"{where}: expected an object with `id` and `template`") from None
            name = template.replace("[", "").replace("]", "")
            label = label_number(name, classes, where)
            if key in files:
                videos.append(Video(absolute(files[key]), label, name))
            else:
                lost.append(key)
        parts[part], missing[part] = tuple(videos), tuple(lost)
    notes = tuple(f"{len(lost)} listed {part} videos are not on disk" for part, lost in missing.items() if lost)
    data = DataSet(spec, "something", names, parts["train"], parts["test"], notes, missing)
    return check_data(data, may_lack_test=True)


def _json(root: Path, word: str) -> tuple[Any, Path]:
    """The content of the list whose name ends in `word`, and where it is. Raises: UserError."""
    for folder in (root, root / "labels", root / "annotations"):
        for path in sorted(folder.glob(f"*{word}.json")):
            try:
                return json.loads(read_text(path)), path
            except ValueError as problem:
                raise UserError(f"`{path}` is not JSON: {problem}") from None
    raise UserError(f"`{root}` has no list `*{word}.json`", "it is part of the published annotations")


def _files(root: Path) -> dict[str, Path]:
    folders = (root, root / "20bn-something-something-v2", root / "20bn-something-something-v1", root / "videos")
    return {
        path.stem: path
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path.suffix.lower() in VIDEO_SUFFIXES or (path.is_dir() and path.name.isdecimal())
    }
