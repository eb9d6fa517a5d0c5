"""Annotation lists of mmaction2: videos, or folders of frames (rawframes).

    DIR/*train*.txt, *val*.txt (or *test*.txt)    "path/of/video.mp4 3"; of frames "path/of/folder 120 3"
    DIR/*label_map*.txt                           the class names, one a line; without it classes are numbers

Paths start at DIR, or at a folder of it: videos, videos_train, videos_val, rawframes, rawframes_train, rawframes_val.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from vnasdsl.data.layouts.common import Listed, absolute, data_set, existing_folder, find_list, read_lines, read_text
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError

_TOPS = {"train": ("train", ""), "test": ("val", "test", "")}


def read(spec: str, place: str, split: int) -> DataSet:
    root = existing_folder(place, spec)
    help = "each of its lines is a path and the number of a class"
    lists = find_list(root, "*train*.txt", help=help), find_list(root, "*val*.txt", "*test*.txt", help=help)
    listed = {part: list(_listed(root, file, part)) for part, file in zip(_TOPS, lists, strict=True)}
    numbers = [int(one.label) for entries in listed.values() for one in entries]
    names = _class_names(root, max(numbers, default=-1) + 1)
    named = {part: [replace(one, label=names[int(one.label)]) for one in entries] for part, entries in listed.items()}
    return data_set(spec, "mmaction2", named, names, whole=True)


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
