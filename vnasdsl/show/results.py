"""A table of networks: accuracy, MACs and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, median
from typing import Any

from vnasdsl.show.table import columns


@dataclass(frozen=True)
class Row:
    """One network, or several in one. Shares are from 0 to 1, MACs per view."""

    name: str
    top1: float
    top5: float
    macs: int
    params: int
    weights: str
    """What training started from: "search" or "scratch"."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def mean_row(name: str, rows: Sequence[Row]) -> Row:
    """Several trainings of one network: mean accuracies."""
    return replace(rows[0], name=name, top1=fmean(row.top1 for row in rows), top5=fmean(row.top5 for row in rows))


def median_row(name: str, rows: Sequence[Row]) -> Row:
    """Medians of accuracy, MACs and parameters, each on its own."""
    return Row(
        name,
        median(row.top1 for row in rows),
        median(row.top5 for row in rows),
        round(median(row.macs for row in rows)),
        round(median(row.params for row in rows)),
        rows[0].weights,
    )


def results_table(title: str, rows: Sequence[Row], views: int) -> str:
    table = [("network", "starts from", "top-1 %", "top-5 %", "MMACs", "parameters")]
    for row in rows:
        shares = f"{100 * row.top1:.1f}", f"{100 * row.top5:.1f}"
        table.append((row.name, row.weights, *shares, f"{row.macs / 1e6:.2f}", f"{row.params:,}"))
    note = f"accuracy over {views} view{'s' if views > 1 else ''} of each test video"
    return f"{title}; {note}\n\n{columns(table, right=(2, 3, 4, 5))}\n"
