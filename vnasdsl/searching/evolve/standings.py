"""Who is best, by the mean over the trainings of each network, and whom to train again.

A training is a noisy measurement, and the best of many is a lucky one. So the last trainings of a search go to whoever
leads on average: a lucky network falls back, a good one stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from statistics import fmean
from typing import Any

from vnasdsl.searching.evolve.history import Record


class Standings:
    """Trained networks; later trainings of one have its first as their `twin`."""

    def __init__(self) -> None:
        self.trainings: dict[int, list[Record]] = {}
        """By the number of the first."""

    def add(self, record: Record) -> None:
        self.trainings.setdefault(record.id if record.twin is None else record.twin, []).append(record)

    def mean(self, record: Record, key: str | None = None) -> float:
        """Mean fitness over the trainings of a network, or the mean of one of its scores."""
        each = self.trainings[record.id]
        return fmean(r.fitness or 0.0 if key is None else _score(r)[key] for r in each)

    def last(self, record: Record) -> Record:
        """The last training of a network: its weights are kept."""
        return self.trainings[record.id][-1]

    def best(self, number: int = 1) -> list[Record]:
        """The best networks: those trained again first, then by mean; of equal ones the cheaper, then the earlier."""
        return sorted(self._networks(), key=lambda r: (len(self.trainings[r.id]) < 2, *self._order(r)))[:number]

    def leaders(self, number: int) -> list[Record]:
        """The networks with the highest means."""
        return sorted(self._networks(), key=self._order)[:number]

    def next(self, busy: Collection[int | None] = ()) -> Record:
        """The network to train again: the leader among those that are not being trained again already."""
        return min(self._networks(), key=lambda r: (r.id in busy, *self._order(r)))

    def _networks(self) -> list[Record]:
        return [each[0] for each in self.trainings.values()]

    def _order(self, record: Record) -> tuple[float, int, int]:
        return -self.mean(record), record.macs or 0, record.id


def _score(record: Record) -> Mapping[str, Any]:
    assert record.score is not None
    return record.score
