"""The loop alone: trainings are replaced by a known landscape of scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support import shipped_space
from vnasdsl.data import DataSet, FaultLog
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.evolve import engine
from vnasdsl.searching.evolve.engine import TrialSearch
from vnasdsl.searching.evolve.trial import Outcome, Trial
from vnasdsl.searching.strategies import get_strategy
from vnasdsl.searching.task import Parts, SearchTask
from vnasdsl.train.clips import clip_shape
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import SearchRecipe, recipe_of
from vnasdsl.train.run_folder import RunFolder

Fitness = Callable[[str], float]


class Landscape:
    """In place of `run_trial`: the score of a network is a function of its text."""

    def __init__(self, fitness: Fitness):
        self.fitness = fitness
        self.trained: list[str] = []

    def __call__(self, trial: Trial) -> Outcome:
        self.trained.append(trial.text)
        top1 = self.fitness(trial.text)
        return Outcome({"top1": top1, "top5": 1.0, "loss": 1.0 - top1})


def tiny() -> Space:
    return shipped_space("tiny", Overrides(classes=3))


def task_of(space: Space, folder: Path, recipe: SearchRecipe) -> SearchTask[SearchRecipe]:
    folder.mkdir(parents=True)
    data = DataSet("none", "folder", ("a", "b", "c"), (), ())
    parts, shape = Parts((), (), ()), clip_shape(space.inputs.given, recipe)
    device, reporter = torch.device("cpu"), Reporter(quiet=True)
    return SearchTask(space, recipe, data, parts, shape, RunFolder(folder), device, reporter, FaultLog(), False)


def run(space: Space, folder: Path, fitness: Fitness, monkeypatch: pytest.MonkeyPatch, **keys: Any) -> TrialSearch:
    recipe = recipe_of("search", keys)
    task = task_of(space, folder, recipe)
    strategy: Any = get_strategy(recipe.strategy)
    search = TrialSearch(
        task, strategy.proposer(task.space, task.recipe), lambda network, device: {"ms": 1.0, "stable": True}
    )
    landscape = Landscape(fitness)
    monkeypatch.setattr(engine, "run_trial", landscape)
    search.run()
    trained = [record.text for record in search.history.records if record.status == "trained"]
    assert trained == landscape.trained  # dropped networks and duplicates never are
    return search


def smooth(text: str) -> float:
    """Best where every layer is `basic(4)` and every head its widest: the share of choices that are so."""
    return sum(text.count(part) for part in ("basic(4)", "head(16, 2)", "head(32, 2)", "head(48, 1)")) / 9


@pytest.mark.slow
def test_evolution_climbs_where_random_search_wanders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    best: dict[str, list[float]] = {"evolution": [], "random": []}
    for seed in range(3):
        for strategy in best:
            more = {"population": 6, "sample": 4, "strength": 1.0} if strategy == "evolution" else {}
            folder = tmp_path / f"{strategy}{seed}"
            search = run(tiny(), folder, smooth, monkeypatch, strategy=strategy, rounds=50, seed=seed, **more)
            assert len(search.history.of("trained")) == 50
            best[strategy].append(search.best()[0].fitness or 0.0)
    assert sum(best["evolution"]) / 3 > sum(best["random"]) / 3 + 0.1, best


def test_parents_are_members_of_the_population_at_that_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: dict[str, Any] = {"strategy": "evolution", "rounds": 30, "population": 5, "sample": 2}
    search = run(tiny(), tmp_path / "run", smooth, monkeypatch, **keys)
    trained: list[int] = []
    for record in search.history.records:
        if record.parents:
            assert set(record.parents) <= set(trained[-5:])  # the five youngest
        if record.status == "trained":
            trained.append(record.id)
    assert len(trained) == 30


def test_the_best_of_equals_is_the_cheapest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = run(tiny(), tmp_path / "run", lambda text: 0.5, monkeypatch, strategy="random", rounds=12)
    best = search.best()[0]
    assert best.macs == min(record.macs or 0 for record in search.history.of("trained"))


def test_a_region_without_new_networks_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step from one network there is little: draws that come to nothing are bounded."""
    monkeypatch.setattr(engine, "MAX_DRAWS", 40)
    space = tiny().fix({"op": ["skip"]})
    keys: dict[str, Any] = {"strategy": "evolution", "population": 1, "sample": 1, "strength": 1.0}
    search = run(space, tmp_path / "run", smooth, monkeypatch, rounds=50, **keys)
    tried = {record.text for record in search.history.of("trained")}
    assert len(tried) == len(search.history.of("trained")) <= 27
    misses = [record.status for record in search.history.records]
    assert "trained" not in misses[-40:] or len(tried) == 27


def test_a_measured_limit_that_nothing_meets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_DRAWS", 25)
    with pytest.raises(UserError) as caught:
        limits = {"kind": "at_most", "latency_cpu": 0.5}
        run(tiny(), tmp_path / "run", smooth, monkeypatch, strategy="random", rounds=5, limits=limits)
    assert caught.value.message == (
        "none of 25 networks drawn from `tiny` meets the limits: 25 broke `latency_cpu <= 0.5ms` (the smallest found"
        " has 1 ms)"
    )
    lines = (tmp_path / "run" / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 25 and all(json.loads(line)["latency"]["latency_cpu"]["ms"] == 1.0 for line in lines)
