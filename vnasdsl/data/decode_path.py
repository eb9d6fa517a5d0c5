"""How the path of a video says where its bytes are: a file, or a part of an archive, `SHARD.tar//NAME@START+SIZE`."""

from __future__ import annotations

import re

_IN_ARCHIVE = re.compile(r"(?P<file>.+\.tar)//(?P<name>.*)@(?P<start>\d+)\+(?P<size>\d+)")


def in_archive(file: str, name: str, start: int, size: int) -> str:
    """The path of a video that lies in an uncompressed archive."""
    return f"{file}//{name}@{start}+{size}"


def file_of(path: str) -> str:
    """The file on disk that holds a video."""
    found = _IN_ARCHIVE.fullmatch(path)
    return path if found is None else found["file"]


def start_of(path: str) -> int:
    """Where it begins in that file."""
    found = _IN_ARCHIVE.fullmatch(path)
    return 0 if found is None else int(found["start"])


def url_of(path: str) -> str:
    """What FFmpeg opens."""
    found = _IN_ARCHIVE.fullmatch(path)
    if found is None:
        return path
    start = int(found["start"])
    return f"subfile,,start,{start},end,{start + int(found['size'])},,:{found['file']}"
