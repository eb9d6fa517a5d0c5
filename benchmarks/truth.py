"""Tables in which every network of a space is trained: what a search finds is judged against them.

Two formats are read: the JSON Lines of benchmarks/exhaustive.py, one line a network and seed, and the JSON of
NAS-Bench-Macro (Su et al. 2021, https://github.com/xiusu/NAS-Bench-Macro). Scores are top-1 accuracies from 0 to 1.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt
from pathlib import Path
from statistics import fmean, pvariance, variance
from typing import Any

from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.evolve.bounds import Candidate

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Network:
    """One network and its trainings."""

    label: str
    choices: Mapping[str, str]
    scores: tuple[float, ...]
    """One for each seed."""
    macs: int
    params: int
    seconds: float | None = None
    """Of all its trainings, where the table says so."""

    @cached_property
    def mean(self) -> float:
        return fmean(self.scores)


class Table:
    """Networks with their scores. The best one, ranks and regrets are by the mean over the seeds."""

    def __init__(self, space: Space, networks: Iterable[Network]):
        self.space = space
        self.networks = tuple(sorted(networks, key=lambda n: (-n.mean, n.macs, n.label)))
        """The best first."""
        if not self.networks:
            raise UserError("the table has no networks", "give the file that benchmarks/exhaustive.py wrote")
        self._by_choices = {_key(network.choices): network for network in self.networks}
        self._fingerprints: dict[Key, str] = {}

    @classmethod
    def read(cls, path: Path, space: Space) -> Table:
        """Raises: UserError when the file is no such table, or one of another space."""
        try:
            text = path.read_text(encoding="utf-8")
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
            if len(lines) == 1 and "choices" not in lines[0]:
                return cls(space, _nas_bench_macro(lines[0], space))
            return cls(space, _exhaustive(lines))
        except OSError as fault:
            raise UserError(f"cannot read `{path}`: {fault.strerror}", "give the table with --table FILE") from None
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise UserError(
                f"`{path}` is not a table of `{space.name}`: {type(fault).__name__}: {fault}",
                "give the file that benchmarks/exhaustive.py wrote, or that of NAS-Bench-Macro",
            ) from None

    # ------------------------------------------------------------------- one network

    def of(self, choices: Mapping[str, str]) -> Network:
        """The entry of a network. Where other choices make an equal network it may be the entry of those."""
        found = self._by_choices.get(_key(choices)) or self._by_fingerprint.get(self.fingerprint(choices))
        if found is None:
            raise UserError(f"the table has no network of these choices: {dict(choices)}", "complete the table first")
        return found

    def fingerprint(self, choices: Mapping[str, str]) -> str:
        """Equal for equal networks, as a search sees them; remembered."""
        key = _key(choices)
        if key not in self._fingerprints:
            self._fingerprints[key] = Candidate(self.space, dict(choices)).fingerprint
        return self._fingerprints[key]

    @cached_property
    def _by_fingerprint(self) -> dict[str, Network]:
        return {self.fingerprint(network.choices): network for network in self.networks}

    # ------------------------------------------------------------------- judgement

    @property
    def best(self) -> Network:
        return self.networks[0]

    def regret(self, network: Network) -> float:
        """How much worse than the best one, in points; below 0 for a better one of outside the table."""
        return 100 * (self.best.mean - network.mean)

    def rank(self, network: Network) -> int:
        """1 and up: how many are better, and one; equal means have equal ranks."""
        return 1 + len(self.networks) - bisect_right(self._ascending, network.mean)

    @cached_property
    def _ascending(self) -> list[float]:
        return [network.mean for network in reversed(self.networks)]

    # ------------------------------------------------------------------- budgets

    def within(self, most: float, least: float = 0) -> Table:
        """The networks from `least` up to `most` MACs as a table: best, ranks and regrets are among them."""
        return Table(self.space, (network for network in self.networks if least <= network.macs <= most))

    def budgets(self, number: int = 3) -> list[int]:
        """MACs that divide the networks into parts of equal size: 3 numbers are the quartiles."""
        macs = sorted(network.macs for network in self.networks)
        return [macs[(place * len(macs)) // (number + 1)] for place in range(1, number + 1)]

    # ------------------------------------------------------------------- how much of it is chance

    @property
    def between(self) -> float:
        """Deviation between networks, in points: of their means, less what their seeds alone would make of it."""
        if len(self.networks) < 2:
            return 0.0
        chance = fmean(self._of_seeds / len(network.scores) for network in self.networks)
        return 100 * sqrt(max(0.0, pvariance([network.mean for network in self.networks]) - chance))

    @property
    def seeds(self) -> float:
        """Deviation between the seeds of one network, in points: the root of the mean of their sample variances."""
        return 100 * sqrt(self._of_seeds)

    @cached_property
    def _of_seeds(self) -> float:
        variances = [variance(network.scores) for network in self.networks if len(network.scores) > 1]
        return fmean(variances) if variances else 0.0

    @property
    def ratio(self) -> float:
        """How many times the deviation of seeds that between networks is."""
        return self.between / self.seeds if self.seeds else inf


def _key(choices: Mapping[str, str]) -> Key:
    return tuple(sorted(choices.items()))


def _exhaustive(lines: Iterable[Mapping[str, Any]]) -> Iterable[Network]:
    """Lines of one network and seed each; of two of the same the later one counts."""
    seeds: dict[Key, dict[int, Mapping[str, Any]]] = {}
    for line in lines:
        seeds.setdefault(_key(line["choices"]), {})[line["seed"]] = line
    for trainings in seeds.values():
        each = [trainings[seed] for seed in sorted(trainings)]
        first = each[0]
        yield Network(
            first["label"],
            first["choices"],
            tuple(float(line["top1"]) for line in each),
            first["macs"],
            first["params"],
            sum(line["seconds"] for line in each),
        )


def _nas_bench_macro(table: Mapping[str, Any], space: Space) -> Iterable[Network]:
    """A digit of a name is the number of an option, in the order of the file."""
    for name, entry in table.items():
        choices = {c.name: c.options[int(digit)] for c, digit in zip(space.choices, name, strict=True)}
        scores = tuple(accuracy / 100 for accuracy in entry["test_acc"])
        yield Network(name, choices, scores, entry["flops"], entry["params"])
