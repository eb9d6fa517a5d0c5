"""What the layout readers share: places that must exist, text files, tables, and from listed videos to a data set."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vnasdsl.data.videos import DataSet, Video, check_data, check_doubles, group_of, split_by_class
from vnasdsl.language.diagnostics import UserError, did_you_mean

VIDEO_SUFFIXES = frozenset(
    ".avi .mp4 .mkv .webm .mov .mpg .mpeg .m4v .wmv .flv .3gp .ogv .ts .mts .m2ts .vob .asf".split()
)

_LISTS = ("annotations", "labels", "Charades")
"""Folders of a data set that lists may lie in."""


def existing_folder(place: str, spec: str) -> Path:
    folder = Path(place).expanduser()
    if not folder.exists():
        raise UserError(f"data folder `{place}` does not exist", f"it is given by `{spec}`")
    if not folder.is_dir():
        raise UserError(f"`{place}` is a file, but `{spec}` needs a folder")
    return folder


def absolute(path: Path) -> str:
    """One spelling for one file, so that doubles are seen; links are followed."""
    return os.path.realpath(path)


def videos_in(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")
    )


def find_list(root: Path, *patterns: str, help: str = "it is part of the published annotations") -> Path:
    """The list whose name fits the first of some patterns that any fits, in a data folder or where such lists lie.

    Raises: UserError when there is none, or several.
    """
    for pattern in patterns:
        for folder in (root, *(root / name for name in _LISTS)):
            found = sorted(folder.glob(pattern))
            if len(found) > 1:
                shown = ", ".join(f"`{path.name}`" for path in found)
                raise UserError(f"`{folder}` has several lists `{pattern}`: {shown}", "keep the one that is meant")
            if found:
                return found[0]
    raise UserError(f"`{root}` has no list {' or '.join(f'`{pattern}`' for pattern in patterns)}", help)


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UserError(f"`{path}` is not UTF-8 text (byte {problem.start})") from None
    except OSError as problem:
        raise UserError(f"`{path}` cannot be read: {problem.strerror}") from None


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line number and content of every line that is not blank; official UCF101 lists end lines with CR LF."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            yield number, line.strip()


def read_table(
    path: Path, needed: tuple[str, ...], may_be_empty: tuple[str, ...] = ()
) -> list[tuple[int, dict[str, str]]]:
    """Line number and cells by column name of every row of a CSV file that has a header; `needed` ones are filled."""
    reader = csv.reader(read_text(path).splitlines())
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        for column in (*needed, *may_be_empty):
            if column not in header:
                raise UserError(
                    f"`{path}` has no column `{column}`",
                    did_you_mean(column, header) or f"its first line must name the columns {', '.join(needed)}",
                )
        rows = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            where = f"`{path}`, line {reader.line_num}"
            if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
                help = 'a cell that holds a comma must be quoted, as in `a.mp4,"jump, high"`'
                raise UserError(f"{where}: {len(cells)} cells, but {len(header)} columns", help)
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
            empty = next((column for column in needed if not row[column]), None)
            if empty is not None:
                raise UserError(f"{where}: the column `{empty}` is empty", "fill it, or remove the row")
            rows.append((reader.line_num, row))
        return rows
    except csv.Error as problem:
        raise UserError(f"`{path}`, line {reader.line_num}: not a CSV table: {problem}") from None


def _label_number(name: str, classes: Mapping[str, int], where: str) -> int:
    """The number of a class name; raises UserError naming the nearest known one."""
    if name not in classes:
        help = did_you_mean(name, classes) or "the class list is that of the training videos"
        raise UserError(f"{where}: label `{name}` is not in the class list", help)
    return classes[name]


@dataclass(frozen=True)
class Listed:
    """A video as a list names it, with its place in the list for messages."""

    name: str
    path: str | None
    """None where it is not on disk."""
    label: str
    where: str
    group: str = ""
    """By default that in the name of its file."""
    labels: tuple[str, ...] = ()
    """Where videos may have several."""


def located(root: Path, parts: Mapping[str, Iterable[Listed]]) -> dict[str, list[Listed]]:
    """Listed videos with their places, wherever in a data folder: files of that name with any suffix of videos, or
    folders of frames. Each folder is read once, as there may be hundreds of thousands of videos."""
    listed = {part: list(entries) for part, entries in parts.items()}
    wanted = {Path(one.name).stem for entries in listed.values() for one in entries}
    found: dict[str, str] = {}
    for top, folders, files in os.walk(root):
        for name in sorted(files):
            stem, suffix = os.path.splitext(name)  # noqa: PTH122 in a fifth of the time
            if suffix.lower() in VIDEO_SUFFIXES and stem in wanted:
                found.setdefault(stem, absolute(Path(top, name)))
        for name in wanted.intersection(folders):
            found.setdefault(name, absolute(Path(top, name)))
        folders[:] = sorted(name for name in folders if name not in wanted and not name.startswith("."))
    return {
        part: [replace(one, path=found.get(Path(one.name).stem)) for one in entries] for part, entries in listed.items()
    }


def class_names(labels: Iterable[str]) -> list[str]:
    """The classes where only labels name them: in the order of their names, numbers by value."""
    names = set(labels)
    numeric = all(name.isdecimal() for name in names)
    return sorted(names, key=(lambda text: (int(text), text)) if numeric else None)


def data_set(
    spec: str,
    layout: str,
    parts: Mapping[str, Iterable[Listed]],
    classes: Sequence[str] | None = None,
    *,
    whole: bool = False,
    notes: Sequence[str] = (),
) -> DataSet:
    """The data set of the lists `train` and `test`; without the latter a fifth of every class is for testing, always
    the same videos. Listed videos that are not on disk are noted.

    classes: without them the labels of the training videos; whole: every video must be there. Raises: UserError.
    """
    listed = {part: list(entries) for part, entries in parts.items()}
    names = class_names(one.label for one in listed["train"]) if classes is None else classes
    numbers = {name: number for number, name in enumerate(names)}
    found: dict[str, tuple[Video, ...]] = {}
    missing: dict[str, tuple[str, ...]] = {}
    lost_notes: list[str] = []
    for part, entries in listed.items():
        videos = []
        for one in entries:
            labels = sorted(_label_number(label, numbers, one.where) for label in one.labels or (one.label,))
            if one.path is not None:
                several = (tuple(labels), len(names)) if one.labels else ((), 0)
                group = one.group or group_of(one.path)
                videos.append(Video(one.path, labels[0], names[labels[0]], group, *several))
        lost = [one.name for one in entries if one.path is None]
        if lost:
            lost_notes.append(f"{len(lost)} of {len(entries)} listed {part} videos are not on disk")
        if lost and whole:
            shown = ", ".join(f"`{name}`" for name in lost[:3]) + (", ..." if len(lost) > 3 else "")
            raise UserError(f"{lost_notes[-1]}: {shown}", "put them there, or remove these lines from the list")
        found[part], missing[part] = tuple(videos), tuple(lost)
    all_notes = [*notes, *lost_notes]
    if "test" not in found:
        check_doubles({"video": found["train"]})
        found["train"], found["test"] = split_by_class(found["train"], (0.8, 0.2))
        drawn = f"{len(found['test'])} of {len(listed['train'])} videos drawn for testing, a fifth of every class"
        all_notes.append(f"no column `split`: {drawn}")
    return check_data(DataSet(spec, layout, tuple(names), found["train"], found["test"], tuple(all_notes), missing))
