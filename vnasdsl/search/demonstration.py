"""The demo: compile, search and retrain on a small space, and compare with random networks and a spatial one.

All networks are trained with the same recipe on the same videos. The searched one appears twice: from its weights in
the supernet, as the method does, and from scratch like the random ones, which compares architectures alone.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vnasdsl.codegen import compile_supernet
from vnasdsl.data import open_data
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.language.diagnostics import UserError
from vnasdsl.search.pool import make_pool
from vnasdsl.search.run import Request, search_space
from vnasdsl.show.curves import training_png
from vnasdsl.show.results import Row, median_row
from vnasdsl.train.devices import torch_threads
from vnasdsl.train.progress import Reporter, duration, percent
from vnasdsl.train.recipes import Recipe, recipe_of
from vnasdsl.train.retrain import Start, evaluate_file, retrain
from vnasdsl.train.run_folder import RunFolder

RANDOM_NETWORKS = 5
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Job:
    """One training of the comparison."""

    name: str
    network: Path
    """A .vns file with the network alone."""
    out: Path
    weights: Path | None
    """None: from scratch."""
    data: str
    recipes: dict[str, dict[str, Any]]
    """The values of the resolved recipes, by kind."""


@dataclass(frozen=True)
class Demonstration:
    """The comparison."""

    rows: tuple[Row, ...]
    """For the table."""
    each: tuple[Row, ...]
    """Every network on its own."""
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

    say("search, then decode by Viterbi")
    request = Request(space, {}, recipes, data, command)
    # Such small steps gain little from a second thread, and become several times slower when its core is busy.
    with torch_threads(1):
        searched = search_space(request, out / "search", _CPU, reporter)
    assert searched is not None  # it is the only rank
    for line in searched.all_lines():
        reporter.note(f"  {line}")

    plain = {kind: recipe.model_dump() for kind, recipe in recipes.items()}
    workers = min(2, os.cpu_count() or 1)
    jobs = []
    networks = [("searched", searched.network, searched.weights), ("searched, from scratch", searched.network, None)]
    networks += [
        (f"random {number}", network, None) for number, network in enumerate(_random(space, searched.network, seed), 1)
    ]
    networks.append(("no temporal operations", load(spatial_file, overrides).get(), None))
    for name, network, weights in networks:
        text = folder.write(f"networks/{name.replace(', ', '-').replace(' ', '-')}.vns", network.text())
        jobs.append(Job(name, text, out / "trained" / text.stem, weights, data_spec, plain))
    say(f"train and evaluate {len(jobs)} networks, {workers} at a time, with the same recipe")
    each = _train(jobs, workers, say)

    with torch_threads(1):
        before = _before_retraining(searched.network, searched.weights, recipes, data_spec, reporter)
    randoms = [row for name, row in each.items() if name.startswith("random")]
    rows = (
        before,
        each["searched"],
        each["searched, from scratch"],
        median_row(f"random, median of {len(randoms)}", randoms),
        each["no temporal operations"],
    )
    metrics = {job.name: RunFolder(job.out).metrics.read() for job in jobs}
    curves = folder.write("training.png", training_png(metrics, [row.name for row in randoms], "random"))
    pictures = (out / "search" / "curves.png", out / "search" / "paths.png", curves)
    evaluation: Any = recipes["retrain"]
    seconds = time.monotonic() - began
    folder.write_json(
        "results.json",
        {
            "seed": seed,
            "seconds": round(seconds, 1),
            "views": evaluation.clips * evaluation.crops,
            "chance": 1 / len(data.classes),
            "table": [row.as_dict() for row in rows],
            "networks": [row.as_dict() for row in each.values()],
            "search": searched.as_dict(),
        },
    )
    return Demonstration(rows, tuple(each.values()), evaluation.clips * evaluation.crops, seconds, pictures)


def _random(space: Space, searched: Space, seed: int) -> list[Space]:
    """Different networks of the space, drawn uniformly, none of them the searched one."""
    generator = random.Random(f"demo:{seed}")
    texts = {searched.text(name="same")}
    networks: list[Space] = []
    assert space.size is not None
    while len(networks) < min(RANDOM_NETWORKS, space.size - 1):
        network = space.network(space.sample(generator), name=f"{space.name}_random{len(networks) + 1}")
        if network.text(name="same") not in texts:
            texts.add(network.text(name="same"))
            networks.append(network)
    return networks


def _before_retraining(
    network: Space, weights: Path | None, recipes: Mapping[str, Recipe], data_spec: str, reporter: Reporter
) -> Row:
    assert weights is not None
    recipe: Any = recipes["evaluate"]
    result = evaluate_file(network, weights, recipe, open_data(data_spec), _CPU, reporter)
    return Row("searched, not retrained", result.top1, result.top5, network.macs[0], network.params[0], "supernet")


def _train(jobs: Sequence[Job], workers: int, say: Callable[[str], None]) -> dict[str, Row]:
    """Every job, several processes at a time; rows in the order of the jobs."""
    done: dict[str, Row] = {}
    with make_pool(workers) as pool:
        for job in jobs:
            pool.submit(job.name, train_one, job)
        while pool.pending:
            result = pool.next()
            if result.error is not None:
                raise UserError(f"training `{result.key}` failed: {result.error}")
            row: Row = result.value
            done[row.name] = row
            say(f"  {row.name}: {percent(row.top1)} ({len(done)} of {len(jobs)})")
    return {job.name: done[job.name] for job in jobs}


def train_one(job: Job) -> Row:
    """Train and evaluate one network; resumes what an earlier attempt left."""
    data = open_data(job.data)
    network = load(job.network, Overrides(classes=len(data.classes))).get()
    recipes: dict[str, Any] = {kind: recipe_of(kind, values) for kind, values in job.recipes.items()}
    start = None if job.weights is None else Start.read(job.weights)
    trained = retrain(network, recipes, data, job.out, _CPU, Reporter(quiet=True), start, resume=True)
    result = trained.evaluation
    origin = "scratch" if start is None else "supernet"
    return Row(job.name, result.top1, result.top5, network.macs[0], network.params[0], origin, job.name == "searched")
