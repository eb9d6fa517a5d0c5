"""A file of JSON objects, one per line, that survives a kill at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError


class JsonLines:
    """Appends records and reads them back. A last line cut short by a kill does not count."""

    def __init__(self, path: Path):
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record in one write; it is on the disk when this returns."""
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(handle, _line(record).encode("utf-8"))
            os.fsync(handle)
        finally:
            os.close(handle)

    def read(self) -> list[dict[str, Any]]:
        """All records; none when there is no file. Raises: UserError for a damaged line."""
        if not self.path.is_file():
            return []
        records = []
        complete = self.path.read_bytes().rpartition(b"\n")[0]
        for number, line in enumerate(complete.splitlines(), 1):
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict):
                raise UserError(f"`{self.path}` is damaged in line {number}", "restore the file, or start a new run")
            records.append(record)
        return records

    def write(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Replace the content of the file."""
        write_atomic(self.path, "".join(map(_line, records)))


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"
