"""Something-Something, version 1 or 2: its JSON lists and videos named by number.

    DIR/[labels/]*train.json, *validation.json      [{"id": "78687", "template": "Holding [something]", ...}, ...]
    DIR/[labels/]*labels.json                       {"Holding something": "0", ...}
    DIR[/20bn-something-something-v2]/78687.webm    or another suffix of videos

`test` is the validation list: the labels of the test list are not public. A listed video that is not on disk is noted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vnasdsl.data.layouts.common import VIDEO_SUFFIXES, Listed, absolute, data_set, existing_folder, read_text
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    numbers, label_file = _json(root, "labels")
    if not isinstance(numbers, dict):
        raise UserError(f"`{label_file}` is no object of class names and numbers")
    files = _files(root)
    parts = {"train": _listed(root, "train", files), "test": _listed(root, "validation", files)}
    return data_set(spec, "something", parts, sorted(numbers, key=lambda name: int(numbers[name])))


def _listed(root: Path, word: str, files: dict[str, Path]) -> Iterator[Listed]:
    entries, file = _json(root, word)
    for number, entry in enumerate(entries, start=1):
        where = f"`{file}`, entry {number}"
        try:
            key, template = str(entry["id"]), str(entry.get("template") or entry["label"])
        except (TypeError, KeyError, AttributeError):
            raise UserError(f"{where}: expected an object with `id` and `template`") from None
        path = absolute(files[key]) if key in files else None
        yield Listed(key, path, template.replace("[", "").replace("]", ""), where)


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
