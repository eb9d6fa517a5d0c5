"""trials.jsonl: every network that was drawn, in the order in which it was known what became of it.

Everything that a search knows follows from this file and the recipe, so a search goes on after a kill by reading it.
It holds nothing that differs between two runs alike: what took how long stands in times.jsonl.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError

Status = Literal["trained", "dropped", "duplicate", "failed"]


@dataclass(frozen=True)
class Record:
    """One line. Those of dropped networks and duplicates have no text: their choices say the same."""

    id: int
    status: Status
    parents: tuple[int, ...]
    mutations: tuple[str, ...]
    choices: dict[str, str]
    macs: int | None = None
    params: int | None = None
    latency: dict[str, Any] = field(default_factory=dict)
    """What was measured for a limit, by its name."""
    fitness: float | None = None
    """What the objective makes of the score."""
    score: dict[str, Any] | None = None
    """Accuracy on the validate part: `top1`, `top5`, `loss`."""
    edges: dict[str, list[float]] = field(default_factory=dict)
    """Learned weights by the name of the choice of edges."""
    limit: str | None = None
    """The limit that a dropped network breaks."""
    twin: int | None = None
    """The trial that a duplicate is alike to."""
    error: str | None = None
    """What went wrong with a failed trial."""
    text: str | None = None

    def line(self) -> str:
        """JSON; what does not apply is left out."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        always = ("id", "status", "parents", "mutations", "choices")
        kept = {key: value for key, value in values.items() if key in always or value not in (None, {})}
        return json.dumps(kept, ensure_ascii=False) + "\n"


class History:
    """The records of a run. Each is on the disk before anything follows from it."""

    def __init__(self, folder: Path):
        self.path = folder / "trials.jsonl"
        self.times = folder / "times.jsonl"
        self.records: list[Record] = []

    def read(self) -> None:
        """Take up the file; a last line cut short by a kill is cut off. Raises: UserError when it is damaged."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            write_atomic(self.path, whole)
        try:
            self.records = [_record(json.loads(line)) for line in whole.decode("utf-8").splitlines()]
        except (ValueError, TypeError, KeyError) as fault:
            raise UserError(f"`{self.path}` is damaged: {' '.join(str(fault).split())[:120]}") from None

    def add(self, record: Record, times: Mapping[str, Any] | None = None) -> None:
        """Add a record. times: for times.jsonl."""
        if times is not None:
            _append(self.times, json.dumps({"id": record.id, **times}) + "\n")
        _append(self.path, record.line())
        self.records.append(record)

    def of(self, status: Status) -> list[Record]:
        return [record for record in self.records if record.status == status]


def _append(path: Path, line: str) -> None:
    """Add a line in one write, flushed to the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(handle, line.encode("utf-8"))
        os.fsync(handle)
    finally:
        os.close(handle)


def _record(values: dict[str, Any]) -> Record:
    values["parents"], values["mutations"] = tuple(values["parents"]), tuple(values["mutations"])
    return Record(**values)
