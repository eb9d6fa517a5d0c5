"""WebDataset: videos in tar files, each beside its label. Nothing is unpacked: a video is read where it lies.

    DIR/*train*.tar, *val*.tar (or *test*.tar)      also DIR/train/*.tar, DIR/val/*.tar
      0001.mp4, 0001.cls                            the label: a number or a name in .cls or .txt, or `label` in .json
    DIR/classes.txt                                 the class names, one a line, where labels are numbers

Without classes.txt the classes are the labels of the training videos, in the order of their names (numbers by value).
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vnasdsl.data.decode_path import in_archive
from vnasdsl.data.layouts.common import VIDEO_SUFFIXES, Listed, absolute, data_set, existing_folder, read_lines
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError

_LABELS = (".cls", ".txt", ".json")
_LARGEST_LABEL = 1 << 16  # bytes


def read(spec: str, place: str, split: int) -> DataSet:
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
