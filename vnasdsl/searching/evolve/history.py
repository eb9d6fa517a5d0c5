"""trials.jsonl: every network that was drawn, in the order in which its fate was known.

Everything a search knows follows from this file and the recipe, so a search resumes by reading it. It holds nothing
that differs between two identical runs: how long things took is in times.jsonl.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import JsonLines

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
    fingerprint: str | None = None
    """Equal for equal networks."""
    fitness: float | None = None
    """The score after the objective."""
    score: dict[str, Any] | None = None
    """Accuracy on the validate part: `top1`, `top5`, `loss`."""
    edges: dict[str, list[float]] = field(default_factory=dict)
    """Learned edge weights by choice of edges, in the order of the edges taken."""
    limit: str | None = None
    """The limit that a dropped network breaks."""
    twin: int | None = None
    """The trial that a duplicate equals."""
    error: str | None = None
    """Why a trial failed."""
    text: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what does not apply is left out."""
        always = ("id", "status", "parents", "mutations", "choices")
        return {key: value for key, value in vars(self).items() if key in always or value not in (None, {})}


class History:
    """The records of a run. Each is on the disk before anything follows from it."""

    def __init__(self, folder: Path):
        self.file = JsonLines(folder / "trials.jsonl")
        self.times = JsonLines(folder / "times.jsonl")
        self.records: list[Record] = []

    def read(self) -> None:
        """Read the files; a last line cut short by a kill is removed. Raises: UserError when one is damaged."""
        lines, times = self.file.read(), self.times.read()
        try:
            self.records = [
                Record(**{**line, "parents": tuple(line["parents"]), "mutations": tuple(line["mutations"])})
                for line in lines
            ]
        except (TypeError, KeyError) as fault:
            raise UserError(f"`{self.file.path}` is damaged: {' '.join(str(fault).split())[:120]}") from None
        if lines or self.file.path.exists():
            self.file.write(lines)
            self.times.write(times)

    def add(self, record: Record, times: Mapping[str, Any] | None = None) -> None:
        """Add a record. times: for times.jsonl."""
        if times is not None:
            self.times.append({"id": record.id, **times})
        self.file.append(record.as_dict())
        self.records.append(record)

    def of(self, status: Status) -> list[Record]:
        return [record for record in self.records if record.status == status]
