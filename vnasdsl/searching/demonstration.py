"""The demo: compile, search and retrain on a small space, and compare with random networks and a spatial one.

All networks are trained with the same recipe on the same videos. The searched one appears twice: from the weights of
the search, as a user would, and from scratch like the random ones, which compares architectures alone. The search may
use no more MACs than its recipe allows, the random ones have as many as that, or a little more; all these
architectures are trained with several seeds each.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

from vnasdsl.codegen import compile_supernet
from vnasdsl.data import open_data
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.pool import Pool, pool_of
from vnasdsl.searching.run import Request, search_space
from vnasdsl.show.charts import accuracy_and_loss, charts_png
from vnasdsl.show.results import Row, mean_row, median_row
from vnasdsl.train.devices import torch_threads
from vnasdsl.train.progress import Reporter, duration, percent
from vnasdsl.train.recipes import RankedRecipe, Recipe, SearchRecipe, recipe_of
from vnasdsl.train.retrain import Start, evaluate_file, retrain
from vnasdsl.train.run_folder import RunFolder

RANDOM_NETWORKS = 5
SEEDS = 2
"""Trainings of each architecture that is compared."""
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Job:
    """One training of the comparison."""

    name: str
    """Of the network."""
    network: Path
    """A .vns file with the network alone."""
    out: Path
    weights: Path | None
    """None: from scratch."""
    data: str
    recipes: dict[str, dict[str, Any]]
    """The values of the resolved recipes, by kind; the seed is this training's."""


@dataclass(frozen=True)
class Demonstration:
    """The comparison."""

    rows: tuple[Row, ...]
    """For the table."""
    each: tuple[Row, ...]
    """Every network on its own."""
    verdict: str
    """By how much the searched architecture is better than random ones."""
    views: int
    seconds: float
    pictures: tuple[Path, ...]


def demonstrate(
    space_file: Path,
    spatial_file: Path,
    recipes: Mapping[str, Recipe],
    data_spec: str,
    out: Path,
    seed: int,
    reporter: Reporter,
    command: Sequence[str] = (),
) -> Demonstration:
    """Compile, search, decode, retrain, evaluate and compare. Raises: VnsError, UserError."""
    began = time.monotonic()

    def say(text: str) -> None:
        reporter.note(f"[{duration(time.monotonic() - began)}] {text}")

    say(f"videos: {data_spec} (made on the first use)")
    data = open_data(data_spec)
    overrides = Overrides(classes=len(data.classes))
    space = load(space_file, overrides).get()
    say(f"compile: {space_file.name} -> {out / 'generated'}, a space of {space.size:,} networks")
    folder = RunFolder(out)
    folder.write(f"generated/{space.name}_supernet.py", compile_supernet(space, space_file.name))

    def trainings(name: str, network: Space, weights: Path | None, seeds: int) -> list[Job]:
        """The trainings of a network with some seeds, or with one that its folder need not name."""
        text = folder.write(f"networks/{name.replace(', ', '-').replace(' ', '-')}.vns", network.text())
        found = []
        for extra in range(seeds):
            plain = {kind: recipe.model_dump() for kind, recipe in recipes.items()}
            plain["retrain"]["seed"] += extra
            out_folder = out / "trained" / (f"{text.stem}-{seed + extra}" if seeds > 1 else text.stem)
            found.append(Job(name, text, out_folder, weights, data_spec, plain))
        return found

    # Such small steps gain little from a second thread, and become several times slower when its core is busy. So one
    # core searches while another begins with the trainings that wait for no outcome.
    with pool_of(cast(SearchRecipe, recipes["search"])) as pool, torch_threads(1):
        flat = trainings("no temporal operations", load(spatial_file, overrides).get(), None, 1)
        randoms = []
        for number, network in enumerate(_random(space, recipes["search"], seed), 1):
            randoms += trainings(f"random {number}", network, None, SEEDS)
        _begin([*randoms, *flat], pool)
        say("search, then decode by Viterbi")
        request = Request(space, {}, recipes, data, command, pool)
        searched = search_space(request, out / "search", _CPU, reporter)
        assert searched is not None  # it is the only rank
        for line in searched.all_lines():
            reporter.note(f"  {line}")
        found = trainings("searched", searched.network, searched.weights, 1)
        found += trainings("searched, from scratch", searched.network, None, SEEDS)
        for job in found:
            pool.submit(job.out, train_all, [job])
        jobs = [*found, *randoms, *flat]
        networks = len({job.name for job in jobs})
        say(f"train and evaluate {networks} networks: {len(jobs)} trainings with the same recipe")
        before = _before_retraining(searched.network, searched.weights, recipes, data_spec, reporter)
        each = _ended(jobs, pool, say)
    others = [row for name, row in each.items() if name.startswith("random")]
    best = max(others, key=lambda row: row.top1)
    anew, middle = each["searched, from scratch"], median_row(f"random, median of {len(others)}", others)
    rows = (
        before,
        each["searched"],
        anew,
        middle,
        replace(best, name=f"random, best of {len(others)}"),
        each["no temporal operations"],
    )
    against = "no fewer" if min(row.macs for row in others) >= anew.macs else "the most"
    verdict = (
        f"from scratch, the searched architecture is {100 * (anew.top1 - middle.top1):+.1f} points from the median and"
        f" {100 * (anew.top1 - best.top1):+.1f} from the best of {len(others)} random ones of {against} MACs"
        f" (means of {SEEDS} trainings)"
    )
    metrics = {job.name: RunFolder(job.out).metrics.read() for job in reversed(jobs)}  # with the first seed
    metrics = dict(reversed(metrics.items()))
    curves = folder.write("training.png", charts_png(accuracy_and_loss(metrics)))
    pictures = (*sorted((out / "search").glob("*.png")), curves)
    evaluation: Any = recipes["retrain"]
    seconds = time.monotonic() - began
    folder.write_json(
        "results.json",
        {
            "seed": seed,
            "seconds": round(seconds, 1),
            "views": evaluation.clips * evaluation.crops,
            "chance": 1 / len(data.classes),
            "verdict": verdict,
            "table": [row.as_dict() for row in rows],
            "networks": [row.as_dict() for row in each.values()],
            "search": searched.as_dict(),
        },
    )
    views = evaluation.clips * evaluation.crops
    return Demonstration(rows, tuple(each.values()), verdict, views, seconds, pictures)


def _random(space: Space, recipe: Recipe, seed: int) -> list[Space]:
    """Different networks, drawn uniformly from those with as many MACs as the most expensive one that the search may
    find, or up to 5 % more; where these are too few, larger ones, then the next smaller ones."""
    generator = random.Random(f"demo:{seed}")
    limit = recipe.limits.macs if isinstance(recipe, RankedRecipe) else None
    networks = [(space.choose(choices).macs, generator.random(), choices) for choices in space.networks()]
    most = max((macs for macs, _, _ in networks if limit is None or macs <= limit), default=0)
    networks.sort(key=lambda network: (not most <= network[0] <= 1.05 * most, max(0, most - network[0]), network[1]))
    found: dict[str, Space] = {}
    for _, _, choices in networks:
        network = space.network(choices, name=f"{space.name}_random{len(found) + 1}")
        found.setdefault(network.text(name="same"), network)
        if len(found) == RANDOM_NETWORKS:
            break
    return list(found.values())


def _before_retraining(
    network: Space, weights: Path | None, recipes: Mapping[str, Recipe], data_spec: str, reporter: Reporter
) -> Row:
    assert weights is not None
    recipe: Any = recipes["evaluate"]
    result = evaluate_file(network, weights, recipe, open_data(data_spec), _CPU, reporter)
    return Row("searched, not retrained", result.top1, result.top5, network.macs[0], network.params[0], "search")


def _begin(jobs: Sequence[Job], pool: Pool) -> None:
    """Share them out: while this process searches, it hands out nothing more."""
    for worker in range(pool.capacity):
        if share := jobs[worker :: pool.capacity]:
            pool.submit(share[0].out, train_all, share)


def _ended(jobs: Sequence[Job], pool: Pool, say: Callable[[str], None]) -> dict[str, Row]:
    """Wait for every job; a row for each network, the mean of its trainings, in the order given."""
    done: dict[str, list[Row]] = {job.name: [] for job in jobs}
    while pool.pending:
        result = pool.next()
        if result.error is not None:
            raise UserError(f"a training failed: {result.error}")
        for row in result.value:
            done[row.name].append(row)
            say(f"  {row.name}: {percent(row.top1)} ({sum(map(len, done.values()))} of {len(jobs)})")
    return {name: mean_row(name, rows) for name, rows in done.items()}


def train_all(jobs: Sequence[Job]) -> list[Row]:
    """Train and evaluate networks one after the other; resumes what an earlier attempt left."""
    return [_train(job) for job in jobs]


def _train(job: Job) -> Row:
    data = open_data(job.data)
    network = load(job.network, Overrides(classes=len(data.classes))).get()
    recipes: dict[str, Any] = {kind: recipe_of(kind, values) for kind, values in job.recipes.items()}
    start = None if job.weights is None else Start.read(job.weights)
    trained = retrain(network, recipes, data, job.out, _CPU, Reporter(quiet=True), start, resume=True)
    result = trained.evaluation
    origin = "scratch" if start is None else "search"
    return Row(job.name, result.top1, result.top5, network.macs[0], network.params[0], origin)
