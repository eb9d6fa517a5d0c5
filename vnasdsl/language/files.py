"""Reading .vns files from disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from vnasdsl.language.diagnostics import error, suggest_file
from vnasdsl.language.limits import MAX_BYTES
from vnasdsl.language.source import Source, Span

STDIN = "-"
"""The path that stands for the standard input."""


def read_source(path: str | os.PathLike[str], name: str | None = None) -> Source:
    """The source in a file; line ends become "\\n", and a byte order mark is dropped.

    `name` is what it is called in messages, if that is not the path.

    Raises: VnsError E0102 (not UTF-8), E0103 (missing, a folder, not readable), E0105 (too large).
    """
    path = os.fspath(path)
    name = path if name is None else name
    start = Span(Source(name, ""), 0, 0)
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise error("E0103", "the file does not exist", start, help=_nearest(Path(path))) from None
    except IsADirectoryError:
        raise error("E0103", "this is a folder, not a file", start) from None
    except (OSError, ValueError) as failure:  # not all characters can stand in a path
        reason = getattr(failure, "strerror", None) or "its name cannot be used here"
        raise error("E0103", f"the file cannot be read: {reason}", start) from None
    return decode_source(name, data)


def read_stdin() -> Source:
    """The source on the standard input. Raises: VnsError E0102, E0105."""
    return decode_source("<stdin>", sys.stdin.buffer.read(MAX_BYTES + 1))  # one more byte shows that there are too many


def _nearest(path: Path) -> str | None:
    """A help naming the .vns file of the same folder that is nearest to a missing one."""
    try:
        names = sorted(file.name for file in path.parent.glob("*.vns"))
    except OSError:
        return None
    near = suggest_file(path.name, names)
    return None if near is None else f"did you mean `{path.parent / near}`?"


def decode_source(name: str, data: bytes) -> Source:
    """A source from bytes. Raises: VnsError E0102 at the first byte that is not UTF-8, E0105 for too many."""
    if len(data) > MAX_BYTES:
        help = "is it a .vns file? Definitions can be split over several files and imported"
        raise error("E0105", f"the file has more than {MAX_BYTES:,} bytes", Span(Source(name, ""), 0, 0), help=help)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as failure:
        # Everything before this byte is readable, so the error can show where it is.
        readable = _universal_lines(data[: failure.start].decode("utf-8"))
        shown = Source(name, readable + "\N{REPLACEMENT CHARACTER}")
        byte = data[failure.start]
        raise error(
            "E0102",
            f"the file is not UTF-8: byte 0x{byte:02x} at offset {failure.start}",
            Span(shown, len(readable), len(readable) + 1),
            help="save the file as UTF-8",
        ) from None
    return Source(name, _universal_lines(text))


def _universal_lines(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def vns_files(folder: Path) -> Iterator[Path]:
    """The .vns files in a folder and below it, sorted; hidden folders and `node_modules` are left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
        yield from (Path(place, name) for name in sorted(names) if name.endswith(".vns"))
