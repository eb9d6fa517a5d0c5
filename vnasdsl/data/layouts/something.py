"""Something-Something, version 1 or 2: its JSON lists and videos named by number.

    DIR/[labels/]*train.json, *validation.json      [{"id": "78687", "template": "Holding [something]", ...}, ...]
    DIR/[labels/]*labels.json                       {"Holding something": "0", ...}
    DIR/.../78687.webm                              anywhere, with any suffix of videos, or a folder of frames

`test` is the validation list: the labels of the test list are not public. A listed video that is not on disk is noted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vnasdsl.data.layouts.common import Listed, data_set, existing_folder, find_list, located, read_text
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    numbers, label_file = _json(root, "labels")
    if not isinstance(numbers, dict):
        raise UserError(f"`{label_file}` is no object of class names and numbers")
    parts = located(root, {"train": _listed(root, "train"), "test": _listed(root, "validation")})
    return data_set(spec, "something", parts, sorted(numbers, key=lambda name: int(numbers[name])))


def _listed(root: Path, word: str) -> Iterator[Listed]:
    entries, file = _json(root, word)
    for number, entry in enumerate(entries, start=1):
        where = f"`{file}`, entry {number}"
        try:
            key, template = str(entry["id"]), str(entry.get("template") or entry["label"])
        except (TypeError, KeyError, AttributeError):
            raise UserError(f"{where}: expected an object with `id` and `template`") from None
        yield Listed(key, None, template.replace("[", "").replace("]", ""), where)


def _json(root: Path, word: str) -> tuple[Any, Path]:
    """The content of the list whose name ends in `word`, and where it is. Raises: UserError."""
    path = find_list(root, f"*{word}.json")
    try:
        return json.loads(read_text(path)), path
    except ValueError as problem:
        raise UserError(f"`{path}` is not JSON: {problem}") from None
