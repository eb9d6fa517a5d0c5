"""Heat maps of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Heat:
    """Shares from 0 to 1 as colours."""

    id: str
    title: str
    names: Sequence[str]
    """Of the rows."""
    columns: Sequence[str]
    values: Sequence[Sequence[float]]
    taken: int | None = None
    """The row that was chosen."""


def probability_heats(
    run: str, metrics: Sequence[Mapping[str, Any]], final: Mapping[str, Mapping[str, float]], taken: Mapping[str, str]
) -> list[Heat]:
    """The probabilities of every choice by epoch; of a run whose metrics have none, those at its end.

    final: in choices.json; taken: the option that was chosen.
    """
    recorded = [record for record in metrics if record.get("probabilities")]
    steps: list[Mapping[str, Mapping[str, float]]] = [record["probabilities"] for record in recorded]
    columns = [f"epoch {record['epoch']}" for record in recorded]
    if not steps and final:
        steps, columns = [final], ["end"]
    heats = []
    for number, (choice, options) in enumerate(steps[-1].items() if steps else ()):
        if len(options) > 1:
            names = list(options)
            values = [[step.get(choice, {}).get(option, 0.0) for step in steps] for option in names]
            chosen = names.index(taken[choice]) if taken.get(choice) in names else None
            heats.append(Heat(f"{run}-choice{number}", choice, names, columns, values, chosen))
    return heats
