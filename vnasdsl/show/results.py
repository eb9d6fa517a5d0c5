"""A table of networks: accuracy, MACs and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table


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
    highlight: bool = False

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


def results_table(title: str, rows: Sequence[Row], views: int) -> Table:
    """A rich table that fits 100 columns."""
    from rich.table import Table

    caption = f"accuracy over {views} view{'s' if views > 1 else ''} of each test video"
    table = Table(title=title, title_justify="left", caption=caption)
    table.add_column("network")
    table.add_column("starts from")
    for heading in ("top-1 %", "top-5 %", "MMACs", "parameters"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.name,
            row.weights,
            f"{100 * row.top1:.1f}",
            f"{100 * row.top5:.1f}",
            f"{row.macs / 1e6:.2f}",
            f"{row.params:,}",
            style="bold" if row.highlight else None,
        )
    return table
