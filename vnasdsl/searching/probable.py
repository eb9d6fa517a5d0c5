"""The most probable networks of a search within a budget, beside what the other ways to decode it give."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vnasdsl.derive import UNITS, Budgets, Decoded, Measure, Probable, argmax_choices
from vnasdsl.derive.decode import IMPOSSIBLE
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.trellis import trellis
from vnasdsl.searching.monitor import Probabilities
from vnasdsl.show.charts import budgets_chart, charts_png
from vnasdsl.show.numbers import amount
from vnasdsl.show.table import columns
from vnasdsl.train.progress import percent

_MOST_BUDGETS = 12
"""Lines of the table of budgets."""


@dataclass(frozen=True)
class Wanted:
    """What a user wants to see of the most probable networks."""

    count: int = 1
    max_macs: float | None = None
    max_params: float | None = None
    curve: bool = False

    def __post_init__(self) -> None:
        if self.max_macs is not None and self.max_params is not None:
            raise UserError("there is one budget at a time", "limit MACs or parameters and read off the other")

    @property
    def measure(self) -> Measure:
        return "params" if self.max_params is not None else "macs"

    @property
    def limit(self) -> float | None:
        return self.max_params if self.max_macs is None else self.max_macs


class Comparison:
    """The networks of a table: the most probable ones, then those of other decoders."""

    def __init__(self, space: Space, learned: Probabilities, wanted: Wanted, decoded: Decoded, skips: int | None):
        """Raises: UserError where no network is within the limit, or where it is not worked out."""
        self.wanted = wanted
        self.budgets = Budgets(space, *learned, wanted.measure, wanted.count)
        self.top = self.budgets.networks(wanted.limit)
        others = {
            "Viterbi": decoded.choices,
            "greedy": decoded.greedy.choices,
            "argmax": argmax_choices(trellis(space), *learned, skips),
        }
        self.others = {name: self.budgets.describe(choices) for name, choices in others.items()}
        self.scores: dict[tuple[tuple[str, str], ...], float | None] = {}

    @property
    def rows(self) -> Iterator[tuple[str, Probable]]:
        yield from ((str(place), network) for place, network in enumerate(self.top, 1))
        yield from self.others.items()

    def score(self, top1: Callable[[dict[str, str]], float | None]) -> None:
        """Accuracies on the inference part, of equal choices once."""
        for _, network in self.rows:
            key = tuple(network.choices.items())
            if key not in self.scores:
                self.scores[key] = top1(network.choices)

    def _score(self, network: Probable) -> float | None:
        return self.scores[tuple(network.choices.items())]

    # ---------------------------------------------------------------- for people

    def lines(self) -> Iterator[str]:
        limit, unit = self.wanted.limit, UNITS[self.wanted.measure]
        within = "" if limit is None else f" with at most {amount(math.floor(limit))} {unit}".replace("  ", " ")
        yield f"the {len(self.top)} most probable networks{within}, and other ways to decode"
        rows = [("", "MACs", "parameters", "log probability", "top-1", "states", "apart from 1")]
        for name, network in self.rows:
            costs = amount(network.macs), f"{network.params:,}", f"{network.log_probability:.4f}"
            labels = [label.split(",") for label in network.labels if label]
            states = " ".join(",".join(word.rpartition("=")[2] for word in label) for label in labels)
            top1 = self._score(network)
            accuracy = "-" if top1 is None else percent(top1)
            rows.append((name, *costs, accuracy, states, self._apart(network)))
        yield from columns(rows, right=(1, 2, 3, 4)).splitlines()
        if self.wanted.curve:
            yield ""
            yield from self._curve_lines()

    def _apart(self, network: Probable) -> str:
        """What sets a network apart from the first, besides its states."""
        first = self.top[0]
        widths = {name for stage in self.budgets.trellis.stages for state in stage.states for name, _ in state.choices}
        apart = [
            f"{name}={option}"
            for name, option in network.choices.items()
            if name not in widths and first.choices.get(name) != option
        ]
        if not apart:
            return ""
        same = " (the same network)" if network.fingerprint == first.fingerprint else ""
        more = f" and {len(apart) - 2} more" if len(apart) > 2 else ""
        return ", ".join(apart[:2]) + more + same

    def _curve_lines(self) -> Iterator[str]:
        curve = self.budgets.curve()
        shown = {round(i * (len(curve) - 1) / (_MOST_BUDGETS - 1)) for i in range(_MOST_BUDGETS)}
        rows = [(f"{UNITS[self.wanted.measure]} at most", "log probability", "as part of the greatest")]
        for i in sorted(shown):
            cost, log_probability = curve[i]
            rows.append((amount(cost), f"{log_probability:.4f}", f"{math.exp(log_probability - curve[-1][1]):.3g}"))
        yield from columns(rows, right=(0, 1, 2)).splitlines()

    # ------------------------------------------------------------- for programs

    def as_dict(self) -> dict[str, Any]:
        def row(network: Probable) -> dict[str, Any]:
            possible = network.log_probability > IMPOSSIBLE
            return {
                "choices": network.choices,
                "states": network.labels,
                "log_probability": network.log_probability if possible else None,
                "macs": network.macs,
                "params": network.params,
                "top1": self._score(network),
            }

        found: dict[str, Any] = {
            "max_macs": self.wanted.max_macs,
            "max_params": self.wanted.max_params,
            "top": [row(network) for network in self.top],
            **{name.lower(): row(network) for name, network in self.others.items()},
        }
        return {**found, "curve": self.budgets.curve()} if self.wanted.curve else found

    def pictures(self) -> Mapping[str, bytes]:
        if not self.wanted.curve:
            return {}
        measure = self.wanted.measure
        points = {name: (getattr(network, measure), network.log_probability) for name, network in self.rows}
        chart = budgets_chart(self.budgets.curve(), UNITS[measure], points, self.wanted.limit)
        return {"budgets.png": charts_png([chart])}
