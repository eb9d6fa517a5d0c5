"""Data set layouts, one function each: (spec, place, split number) -> DataSet. Here is what each expects to find."""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from vnasdsl.data.decode_path import in_archive
from vnasdsl.data.layouts.common import (
    VIDEO_SUFFIXES,
    Listed,
    absolute,
    data_set,
    existing_folder,
    find_list,
    located,
    read_lines,
    read_table,
    read_text,
    videos_in,
)
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError

KINETICS_COLUMNS = ("label", "youtube_id", "time_start", "time_end")


def read_kinetics(spec: str, place: str, split: int) -> DataSet:
    """Kinetics: the published CSV files and clips named by video and time.

        DIR/train.csv, val.csv (or validate.csv), test.csv      label,youtube_id,time_start,time_end,split
        DIR/.../<youtube_id>_<start>_<end>.mp4                  six-digit times; anywhere, such as in train/<label>

    The classes are the labels of the training rows by name. `test` is the validation split when there is one, as in the
    literature, else the test split. Videos vanish from the source, so one that is not on disk is noted, not an error.
    """
    root = existing_folder(place, spec)
    tests = find_list(root, "val.csv", "validate.csv", "validation.csv", "test.csv")
    parts = {"train": _kinetics_videos(find_list(root, "train.csv")), "test": _kinetics_videos(tests)}
    return data_set(spec, "kinetics", located(root, parts))


def _kinetics_videos(file: Path) -> Iterator[Listed]:
    for line, row in read_table(file, KINETICS_COLUMNS):
        where = f"`{file}`, line {line}"
        name = clip_name(row["youtube_id"], _seconds(row, "time_start", where), _seconds(row, "time_end", where))
        yield Listed(name, None, row["label"], where, row["youtube_id"])


def clip_name(youtube_id: str, start: int, end: int) -> str:
    return f"{youtube_id}_{start:06d}_{end:06d}.mp4"


def _seconds(row: dict[str, str], column: str, where: str) -> int:
    try:
        return int(float(row[column]))
    except (ValueError, OverflowError):
        raise UserError(f"{where}: `{row[column]}` in column `{column}` is not a time in seconds") from None


_VIDEO = re.compile(r"(?P<class>[^/]+)/(?P<file>[^/]+\.\w+)(\s+(?P<number>\d+))?")


def read_ucf101(spec: str, place: str, split: int) -> DataSet:
    """UCF101: class folders of .avi files and the official split lists.

        DIR/<Class>/v_<Class>_g01_c01.avi       or  DIR/UCF-101/<Class>/...
        DIR/ucfTrainTestlist/classInd.txt       "1 ApplyEyeMakeup"; or the three lists in DIR itself or beside DIR
                             trainlist01.txt    "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1"; also 02, 03
                             testlist01.txt     "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi"

    The set is published whole, so a listed video that is not on disk is an error. Names may hold spaces.
    """
    if split not in (1, 2, 3):
        raise UserError(f"UCF101 has no split {split}", "its official splits are 1, 2 and 3")
    folder = existing_folder(place, spec)
    lists = _folder_of_lists(folder)
    classes = _read_classes(lists / "classInd.txt")
    root = folder / "UCF-101" if (folder / "UCF-101").is_dir() else folder
    parts = {
        part: _ucf101_videos(find_list(lists, f"{part}list{split:02d}.txt"), root, classes)
        for part in ("train", "test")
    }
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


def _ucf101_videos(path: Path, root: Path, classes: dict[str, int]) -> Iterator[Listed]:
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


READERS = {"ucf101": read_ucf101, "kinetics": read_kinetics}


def read_synthetic(spec: str, place: str, split: int) -> DataSet:
    """The synthetic sets: made once on disk, then read like a downloaded set by the reader of its layout.

    "synthetic" (motions) and "periods" are made in a cache folder (`$VNASDSL_DATA`, else `~/.cache/vnasdsl/`) with the
    default size; "synthetic:DIR" is what `vnasdsl data synthetic DIR` has made.
    """
    from vnasdsl.data.synthetic.make import MARKER, Settings, read_marker

    settings = Settings.default("periods" if spec.startswith("periods") else "motions")
    folder = Path(place).expanduser() if place else cache_root() / settings.folder_name()
    if not (folder / MARKER).is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(
                f"`{folder}` holds other files than a synthetic set",
                "name a new or empty folder, or read these files as `ucf101:`, `kinetics:` or `folder:`",
            )
        if place:
            raise UserError(f"there is no synthetic set in `{place}`", f"make it: vnasdsl data synthetic {place}")
        from vnasdsl.data.synthetic.make import make

        make(folder, settings)
    return READERS[read_marker(folder).layout](spec, str(folder), split)


def cache_root() -> Path:
    named = os.environ.get("VNASDSL_DATA")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "vnasdsl"


def read_charades(spec: str, place: str, split: int) -> DataSet:
    """Charades: videos that show several actions each.

        DIR/Charades_v1_train.csv, Charades_v1_test.csv      id, ..., actions: "c092 11.90 21.20;c147 0.00 12.60"
        DIR/Charades_v1_classes.txt                          "c000 Holding some clothes"
        DIR/.../ID.mp4                                       anywhere, such as in Charades_v1_480

    The lists may lie in DIR/Charades. A video without an action is left out, one that is not on disk too; both are
    noted.
    """
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


_SPLITS = {"train": "train", "training": "train", "test": "test", "val": "test", "validate": "test"}


def read_csv(spec: str, place: str, split: int) -> DataSet:
    """A CSV file with the columns path and label, and optionally split (train / test or val).

    Relative paths start at the folder of the CSV file. The classes are the labels of the training rows, in the order
    of their names (numbers by value). Without a split column a fifth of every class is drawn for testing, always the
    same videos; a note says so.
    """
    file = Path(place).expanduser()
    if not file.is_file():
        raise UserError(f"CSV file `{place}` does not exist", f"it is given by `{spec}`")
    parts: dict[str, list[Listed]] = {"train": [], "test": []}
    has_splits = False
    for line, row in read_table(file, ("path", "label")):
        where = f"`{place}`, line {line}"
        path = file.parent / Path(row["path"]).expanduser()
        if not path.is_file():
            raise UserError(
                f"{where}: video `{row['path']}` does not exist", "relative paths start at the CSV's folder"
            )
        has_splits = "split" in row
        parts[_split_of(row, where)].append(Listed(row["path"], absolute(path), row["label"], where))
    if parts["test"] and not parts["train"]:
        raise UserError(
            f"no training videos in `{place}`: every row is a test row", "the training rows name the classes"
        )
    return data_set(spec, "csv", parts if has_splits else {"train": parts["train"]})


def _split_of(row: dict[str, str], where: str) -> str:
    if "split" not in row:
        return "train"
    word = row["split"].lower()
    if word not in _SPLITS:
        raise UserError(f"{where}: unknown split `{row['split']}`", "write `train` or `test`")
    return _SPLITS[word]


def read_folder(spec: str, place: str, split: int) -> DataSet:
    """A folder per class under train/ and test/ (or val/ when there is no test/).

        DIR/train/<class>/<video>       DIR/test/<class>/<video>

    The classes are the folders under train/, in the order of their names.
    """
    root = existing_folder(place, spec)
    folders = {
        "train": _split_folder(root, ("train", "training")),
        "test": _split_folder(root, ("test", "val", "validation")),
    }
    parts = {part: _folder_videos(folder) for part, folder in folders.items()}
    return data_set(spec, "folder", parts, _class_folders(folders["train"]))


def _split_folder(root: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise UserError(f"`{root}` has no folder `{names[0]}`", "expected a folder per class under `train` and `test`")


def _class_folders(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _folder_videos(folder: Path) -> Iterator[Listed]:
    for name in _class_folders(folder):
        for path in videos_in(folder / name):
            yield Listed(path.name, absolute(path), name, f"`{folder}`")


_TOPS = {"train": ("train", ""), "test": ("val", "test", "")}


def read_mmaction2(spec: str, place: str, split: int) -> DataSet:
    """Annotation lists of mmaction2: videos, or folders of frames (rawframes).

        DIR/*train*.txt, *val*.txt (or *test*.txt)    "path/of/video.mp4 3"; of frames "path/of/folder 120 3"
        DIR/*label_map*.txt                           the class names, one a line; without it classes are numbers

    Paths start at DIR, or at a folder of it: videos, videos_train, videos_val, rawframes, rawframes_train,
    rawframes_val.
    """
    root = existing_folder(place, spec)
    help = "each of its lines is a path and the number of a class"
    lists = find_list(root, "*train*.txt", help=help), find_list(root, "*val*.txt", "*test*.txt", help=help)
    listed = {part: list(_mmaction2_videos(root, file, part)) for part, file in zip(_TOPS, lists, strict=True)}
    numbers = [int(one.label) for entries in listed.values() for one in entries]
    names = _mapped_names(root, max(numbers, default=-1) + 1)
    named = {part: [replace(one, label=names[int(one.label)]) for one in entries] for part, entries in listed.items()}
    return data_set(spec, "mmaction2", named, names, whole=True)


def _mmaction2_videos(root: Path, file: Path, part: str) -> Iterator[Listed]:
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


def _mapped_names(root: Path, count: int) -> tuple[str, ...]:
    maps = sorted(path for folder in (root, root / "annotations") for path in folder.glob("*label_map*.txt"))
    if not maps:
        return tuple(str(number) for number in range(count))
    names = tuple(line.strip() for line in read_text(maps[0]).splitlines() if line.strip())
    if len(names) < count:
        raise UserError(f"`{maps[0]}` names {len(names)} classes, but the lists have a number {count - 1}")
    return names


def read_something(spec: str, place: str, split: int) -> DataSet:
    """Something-Something, version 1 or 2: its JSON lists and videos named by number.

        DIR/[labels/]*train.json, *validation.json      [{"id": "78687", "template": "Holding [something]", ...}, ...]
        DIR/[labels/]*labels.json                       {"Holding something": "0", ...}
        DIR/.../78687.webm                              anywhere, with any suffix of videos, or a folder of frames

    `test` is the validation list: the labels of the test list are not public. A listed video that is not on disk is
    noted.
    """
    root = existing_folder(place, spec)
    numbers, label_file = _json(root, "labels")
    if not isinstance(numbers, dict):
        raise UserError(f"`{label_file}` is no object of class names and numbers")
    parts = located(root, {"train": _something_videos(root, "train"), "test": _something_videos(root, "validation")})
    return data_set(spec, "something", parts, sorted(numbers, key=lambda name: int(numbers[name])))


def _something_videos(root: Path, word: str) -> Iterator[Listed]:
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


_LABELS = (".cls", ".txt", ".json")
_LARGEST_LABEL = 1 << 16  # bytes


def read_webdataset(spec: str, place: str, split: int) -> DataSet:
    """WebDataset: videos in tar files, each beside its label. Nothing is unpacked: a video is read where it lies.

        DIR/*train*.tar, *val*.tar (or *test*.tar)      also DIR/train/*.tar, DIR/val/*.tar
    0001.mp4, 0001.cls                            the label: a number or a name in .cls or .txt, or `label` in .json
        DIR/classes.txt                                 the class names, one a line, where labels are numbers

    Without classes.txt the classes are the labels of the training videos, in the order of their names (numbers by
    value).
    """
    root = existing_folder(place, spec)
    parts = {part: list(_samples(root, words)) for part, words in (("train", ["train"]), ("test", ["val", "test"]))}
    names = None
    if (root / "classes.txt").is_file():
        names = [line for _, line in read_lines(root / "classes.txt")]
        parts = {part: [_named(one, names) for one in entries] for part, entries in parts.items()}
    return data_set(spec, "webdataset", parts, names)


def _named(one: Listed, names: list[str]) -> Listed:
    """With the name of its class where its label is a number."""
    number = int(one.label) if one.label not in names and one.label.isdecimal() else len(names)
    return replace(one, label=names[number]) if number < len(names) else one


def _samples(root: Path, words: list[str]) -> Iterator[Listed]:
    """Every video of a part. Raises: UserError for a video without a label."""
    for word in words:
        shards = sorted({*root.glob(f"*{word}*.tar"), *(root / word).glob("*.tar")})
        for shard in shards:
            yield from _samples_of(shard)
        if shards:
            return
    raise UserError(f"`{root}` has no shards `*{words[0]}*.tar`", "a shard is a tar file of videos and their labels")


def _samples_of(shard: Path) -> Iterator[Listed]:
    videos: dict[str, tarfile.TarInfo] = {}
    labels: dict[str, str] = {}
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                key, dot, suffix = member.name.partition(".") if "/" not in member.name else _parts(member.name)
                kind = f"{dot}{suffix}".lower()
                if not member.isfile():
                    continue
                if kind in VIDEO_SUFFIXES:
                    videos[key] = member
                elif kind in _LABELS and member.size < _LARGEST_LABEL:
                    content = archive.extractfile(member)
                    assert content is not None
                    labels[key] = _label(content.read(), kind) or labels.get(key, "")
    except (tarfile.TarError, OSError, ValueError) as problem:
        help = "a shard is an uncompressed tar file" if isinstance(problem, tarfile.TarError) else None
        raise UserError(f"`{shard}` cannot be read: {problem}", help) from None
    for key, member in videos.items():
        where = f"`{shard}`, `{member.name}`"
        if not labels.get(key):
            raise UserError(f"{where}: the video has no label", f"put `{key}.cls` beside it")
        path = in_archive(absolute(shard), member.name, member.offset_data, member.size)
        yield Listed(member.name, path, labels[key], where)


def _parts(name: str) -> tuple[str, str, str]:
    folder, file = PurePosixPath(name).parent, PurePosixPath(name).name
    key, dot, suffix = file.partition(".")
    return f"{folder}/{key}", dot, suffix


def _label(content: bytes, kind: str) -> str:
    text = content.decode("utf-8").strip()
    return str(json.loads(text).get("label", "")) if kind == ".json" else text
