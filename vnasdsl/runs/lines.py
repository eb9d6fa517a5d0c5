"""Files of one JSON object per line: metrics, trials, scores."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

from vnasdsl.files import flush_folder, naming, write_atomic
from vnasdsl.language.diagnostics import UserError

RUN_FILE = "run.json"


class JsonLines:
    """A file of JSON objects, one per line, each with its CRC-32 under `crc`, which records read from it do not have.

    A last line cut short by a kill does not count.
    """

    def __init__(self, path: Path):
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record; it is on the disk when this returns."""
        new = not self.path.exists()
        with naming(self.path), self.path.open("ab") as file:
            file.write(_line(record).encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        if new:
            flush_folder(self.path.parent)

    def read(self) -> list[dict[str, Any]]:
        """All records; none when there is no file. Raises: UserError for a damaged line."""
        if not self.path.is_file():
            return []
        records = []
        complete = self.path.read_bytes().rpartition(b"\n")[0]
        for number, line in enumerate(complete.splitlines(), 1):
            try:
                record = json.loads(line)
                if record.pop("crc") != _crc(record):
                    raise ValueError("not what was written")
            except (ValueError, AttributeError, KeyError, TypeError):
                raise UserError(
                    f"`{self.path}` is damaged in line {number}",
                    "restore the file from a copy, or delete that line: the run goes on without it",
                ) from None
            records.append(record)
        return records

    def write(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Replace the content of the file."""
        write_atomic(self.path, "".join(map(_line, records)))


def _line(record: Mapping[str, Any]) -> str:
    return _text({**record, "crc": _crc(record)}) + "\n"


def _crc(record: Mapping[str, Any]) -> str:
    return f"{crc32(_text(record).encode('utf-8')):08x}"


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False)
