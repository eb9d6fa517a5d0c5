"""Evolution and random search on a table in which every network was trained: scores are looked up, so it takes seconds.

python benchmarks/tabular.py --table nas-bench-macro_cifar10.json --set population=20 --set "population=20 strength=3"

The table is that of NAS-Bench-Macro (https://github.com/xiusu/NAS-Bench-Macro), or one that benchmarks/exhaustive.py
wrote of the --space. A search sees a network by one of its trainings, drawn at random each time it trains it, and what
it finds is judged by the mean over all its trainings: mean regret (points behind the best one), median rank, and how
often its rank is one of the first three. The
proposers and their defaults are those of the package; every --set is a row of its own: evolution with these keys.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import fmean, median, stdev
from typing import Any

from truth import Network, Table

from vnasdsl.api.requests import search_recipe
from vnasdsl.elaborate import Space, load
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.searching.evolve.engine import MAX_DRAWS
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.standings import Standings
from vnasdsl.searching.strategies import get_strategy
from vnasdsl.train.recipes import TrialRecipe

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Row:
    """What is compared: a strategy with settings."""

    name: str
    settings: Mapping[str, str]

    def recipe(self, rounds: int) -> TrialRecipe:
        recipe, _ = search_recipe(None, {**self.settings, "rounds": str(rounds)}, 0, None)
        assert isinstance(recipe, TrialRecipe)
        return recipe


@dataclass(frozen=True)
class Trainings:
    """Scores instead of trainings. noise: 0 shows means, 1 what the table has, 3 thrice the deviation from the mean."""

    table: Table
    noise: float
    random: Random

    def __call__(self, number: int, choices: Mapping[str, str], twin: int | None = None) -> Record:
        network = self.table.of(choices)
        score = network.mean + self.noise * (self.random.choice(network.scores) - network.mean)
        return Record(
            number,
            "trained",
            (),
            (),
            dict(choices),
            network.macs,
            network.params,
            fingerprint=self.table.fingerprint(choices),
            fitness=score,
            twin=twin,
        )


class Remembered:
    """A space that remembers which networks are complete, so that children are made in less time; draws stay equal."""

    def __init__(self, space: Space):
        self._space = space
        self._decisions: dict[tuple[tuple[str, str], ...], Any] = {}
        self.limits = space.limits

    def complete(self, made: Mapping[str, str], random: Random) -> dict[str, str]:
        return dict(made) if tuple(made.items()) in self._decisions else self._space.complete(made, random)

    def decisions(self, made: Mapping[str, str]) -> Any:
        key = tuple(made.items())
        if key not in self._decisions:
            self._decisions[key] = self._space.decisions(made)
        return self._decisions[key]


def trained(space: Any, row: Row, rounds: int, workers: int, seed: int, train: Trainings) -> list[Record]:
    """The networks of a search in the order in which they come back; `workers` are trained at a time.

    As in a run, a network that was trained before is proposed anew, and a search ends when nothing new is found.
    """
    recipe = row.recipe(rounds)
    strategy: Any = get_strategy(recipe.strategy)
    proposer = strategy.proposer(space, recipe)
    done: list[Record] = []
    begun: deque[Record] = deque()
    tried: set[str | None] = set()
    number = misses = 0
    while len(done) < rounds:
        while len(begun) < workers and len(done) + len(begun) < rounds and proposer.ready(len(begun)):
            if misses == MAX_DRAWS:
                break
            choices = proposer.propose(len(begun), misses, Random(f"vnasdsl trial {seed}:{number}")).choices
            number += 1
            if train.table.fingerprint(choices) in tried:
                misses += 1
                continue
            misses = 0
            begun.append(train(number, choices))
            tried.add(begun[-1].fingerprint)
        if not begun:
            break
        done.append(begun.popleft())
        proposer.learn(done[-1])
    return done


def found(records: Sequence[Record], again: int, train: Trainings) -> Network:
    """The network that a search of these trainings ends with, when the leader is trained again so many times."""
    standings = Standings()
    for record in records:
        standings.add(record)
    for number in range(again):
        first = standings.next()
        standings.add(train(-1 - number, first.choices, first.id))
    return train.table.of(standings.best()[0].choices)


@dataclass(frozen=True)
class Play:
    """Searches on a table."""

    table: Table
    space: Any
    trials: Sequence[int]
    workers: int
    noise: float

    def __call__(self, row: Row, seed: int) -> list[tuple[float, int]]:
        """Regret and rank of what one search finds in each number of trials."""
        train = Trainings(self.table, self.noise, Random(f"scores {seed}"))
        new = {rounds: row.recipe(rounds).new_networks for rounds in self.trials}
        records = trained(self.space, row, max(new.values()), self.workers, seed, train)
        ends = [found(records[: new[rounds]], rounds - new[rounds], train) for rounds in self.trials]
        return [(self.table.regret(network), self.table.rank(network)) for network in ends]


_play: list[Play] = []  # for the processes forked below, which so need no copies


def _one(job: tuple[Row, int]) -> list[tuple[float, int]]:
    return _play[0](*job)


def compared(play: Play, rows: Sequence[Row], seeds: Sequence[int], processes: int) -> Iterator[dict[str, Any]]:
    """One object for each row: what its searches found, by number of trials."""
    for network in play.table.networks:  # remembered before the processes fork
        play.table.fingerprint(network.choices)
        play.space.decisions(network.choices)
    _play[:] = [play]
    with get_context("fork").Pool(processes) as pool:
        for row in rows:
            searches = pool.map(_one, [(row, seed) for seed in seeds], chunksize=5)
            yield {
                "name": row.name,
                "settings": dict(row.settings),
                "trials": {
                    rounds: {
                        "regret": fmean(regrets := [search[place][0] for search in searches]),
                        "error": stdev(regrets) / len(regrets) ** 0.5,
                        "rank": median(search[place][1] for search in searches),
                        "first_three": fmean(search[place][1] <= 3 for search in searches),
                    }
                    for place, rounds in enumerate(play.trials)
                },
            }


def rows_of(variants: Sequence[str]) -> list[Row]:
    """Evolution, random search, and evolution with other keys."""
    rows = [Row("evolution", {"strategy": "evolution"}), Row("random", {"strategy": "random"})]
    for text in variants:
        settings = dict(part.split("=", 1) for part in text.split())
        rows.append(Row(text, {"strategy": "evolution", **settings}))
    return rows


def numbers(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(","))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, required=True, metavar="FILE")
    parser.add_argument("--space", type=Path, default=ROOT / "spaces" / "nas_bench_macro.vns", metavar="FILE")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE ...", help="a row of evolution")
    parser.add_argument("--trials", type=numbers, default=[50, 100, 200], metavar="N,N,...")
    parser.add_argument("--seeds", type=int, default=200, help="searches in a row of the table")
    parser.add_argument("--half", choices=("even", "odd"), help="only these seeds: tune on one, report on the other")
    parser.add_argument("--workers", type=int, default=1, help="networks trained at a time")
    parser.add_argument("--noise", type=float, default=1.0, help="deviation of shown scores from means, times this")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        space = load(given.space).get()
        table = Table.read(given.table, space)
        seeds = range(given.seeds)[{"even": slice(0, None, 2), "odd": slice(1, None, 2), None: slice(None)}[given.half]]
        play = Play(table, Remembered(space), given.trials, given.workers, given.noise)
        report = list(compared(play, rows_of(given.set), seeds, given.processes))
    except (UserError, VnsError, ValueError) as fault:
        sys.exit(f"error: {fault}")
    deviations = {"networks": len(table.networks), "between": table.between, "seeds": table.seeds}
    if given.json:
        print(json.dumps({"space": space.name, **deviations, "searches": len(seeds), "rows": report}, indent=2))
        return
    print(f"{space.name}: {len(table.networks):,} networks; deviation between networks {table.between:.2f} points,")
    print(f"between seeds of one {table.seeds:.2f}. {len(seeds)} searches a row, with {given.noise:g} times the noise.")
    print("Mean regret in points +- its standard error, median rank, share of ranks 1 to 3\n")
    width = max(len(row["name"]) for row in report)
    print(f"{'':<{width}}" + "".join(f"  {f'{rounds} trials':>27}" for rounds in given.trials))
    for row in report:
        cells = (
            f"{c['regret']:.3f} +- {c['error']:.3f} {c['rank']:>6g} {100 * c['first_three']:>3.0f} %"
            for c in row["trials"].values()
        )
        print(f"{row['name']:<{width}}" + "".join(f"  {cell:>27}" for cell in cells))


if __name__ == "__main__":
    main()
