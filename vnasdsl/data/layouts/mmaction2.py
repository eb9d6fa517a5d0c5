"""Annotation lists of mmaction2: videos, or folders of frames (rawframes).

    DIR/*train*.txt, *val*.txt (or *test*.txt)    "path/of/video.mp4 3"; of frames "path/of/folder 120 3"
    DIR/*label_map*.txt                           the class names, one a line; without it classes are numbers

Paths start at DIR, or at a folder of it: videos, videos_train, videos_val, rawframes, rawframes_train, rawframes_val.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from vnasdsl.data.layouts.common import Listed, absolute, data_set, existing_folder, read_lines, read_text
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError

_TOPS = {"train": ("train", ""), "test": ("val", "test", "")}


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    listed = {part: list(_listed(root, _find_list(root, part), part)) for part in ("train", "test")}
    numbers = [int(one.label) for entries in listed.values() for one in entries]
    names = _class_names(root, max(numbers, default=-1) + 1)
    named = {part: [replace(one, label=names[int(one.label)]) for one in entries] for part, entries in listed.items()}
    return data_set(spec, "mmaction2", named, names, whole=True)


def _find_list(root: Path, part: str) -> Path:
    """The list of a part. Raises: UserError when there is none, or several."""
    for word in (part,) if part == "train" else ("val", "test"):
        found = sorted(path for folder in (root, root / "annotations") for path in folder.glob(f"*{word}*.txt"))
        if len(found) > 1:
            shown = ", ".join(f"`{path.name}`" for path in found)
            raise UserError(f"`{root}` has several {word} lists: {shown}", "keep the one that is meant in the folder")
        if found:
            return found[0]
    raise UserError(f"`{root}` has no list `*{part}*.txt`", "each of its lines is a path and the number of a class")


def _listed(root: Path, file: Path, part: str) -> Iterator[Listed]:
    """Labelled by the numbers of classes."""
    folders = [
        folder
        for kind in ("videos", "rawframes")
        for top in _TOPS[part]
        if (folder := root / (f"{kind}_{top}" if top else kind)).is_dir()
    ]
    for line, text in read_lines(file):
        where = f"`{file}`, line {line}"
        words = text.rsplit(maxsplit=1)
        if len(words) != 2 or not words[1].isdecimal():
            raise UserError(f"{where}: expected a path and the number of a class, not `{text}`")
        names = [words[0]]
        if (shorter := words[0].rsplit(maxsplit=1))[-1].isdecimal() and len(shorter) == 2:
            names.append(shorter[0])  # a folder of frames is followed by their number
        places = (folder / name for name in names for folder in (root, *folders))
        path = next((absolute(place) for place in places if place.exists()), None)
        yield Listed(names[-1], path, words[1], where)


def _class_names(root: Path, count: int) -> tuple[str, ...]:
    maps = sorted(path for folder in (root, root / "annotations") for path in folder.glob("*label_map*.txt"))
    if not maps:
        return tuple(str(number) for number in range(count))
    names = tuple(line.strip() for line in read_text(maps[0]).splitlines() if line.strip())
    if len(names) < count:
        raise UserError(f"`{maps[0]}` names {len(names)} classes, but the lists have a number {count - 1}")
    return names
