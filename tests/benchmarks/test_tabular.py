"""Searches on tables: evolution beats random search, and its defaults the plain one."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import tabular
from tabular import Play, Remembered, Row, Trainings, found, rows_of, trained
from truth import Network, Table

from tests.support import ROOT, some_slow
from vnasdsl.elaborate import Overrides, Space, load

PLAIN = "population=20 sample=5 strength=1 confirm=0 predicted=0"


@pytest.fixture(scope="module")
def space() -> Space:
    return load(ROOT / "spaces/mini.vns", Overrides(classes=3)).get()


@pytest.fixture(scope="module")
def table(space: Space) -> Table:
    """Every option is worth something, every pair of options a little; 3 trainings with a deviation of half a point."""
    random = Random(7)
    worth: dict[Any, float] = {}
    networks = []
    for number, choices in enumerate(space.networks()):
        taken = list(choices.items())
        quality = 0.6 + sum(worth.setdefault(one, random.gauss(0, 0.03)) for one in taken)
        quality += sum(worth.setdefault((a, b), random.gauss(0, 0.01)) for a in taken for b in taken if a < b)
        scores = tuple(quality + random.gauss(0, 0.005) for _ in range(3))
        graph = space.choose(choices)
        networks.append(Network(f"n{number}", choices, scores, graph.macs, graph.params))
    return Table(space, networks)


def mean_regret(table: Table, row: Row, seeds: int, trials: int, workers: int = 1) -> float:
    play = Play(table, Remembered(table.space), [trials], workers, 1.0)
    return sum(play(row, seed)[0][0] for seed in range(seeds)) / seeds


@pytest.mark.parametrize("workers", some_slow([1, 4], {1}))
def test_evolution_beats_random_search(table: Table, workers: int) -> None:
    evolution, random, unpredicted = rows_of(["predicted=0"])
    regret = mean_regret(table, evolution, 10, 30, workers)
    assert regret < 0.7 * mean_regret(table, random, 10, 30, workers)
    assert regret < mean_regret(table, unpredicted, 10, 30, workers)


def test_a_search_trains_a_network_once_and_reaches_all_there_is(table: Table, space: Space) -> None:
    """Children of one parent are soon known; then they go farther."""
    networks = {table.fingerprint(network.choices) for network in table.networks}
    row = Row("greedy", {"strategy": "evolution", "population": "1", "confirm": "0"})
    records = trained(Remembered(space), row, 60, 1, 0, Trainings(table, 1.0, Random(0)))
    assert len(records) == 60 < len(networks) and len({record.fingerprint for record in records}) == 60


def test_children_are_those_of_the_space_itself(table: Table, space: Space) -> None:
    """What is remembered changes nothing."""
    row = rows_of([])[0]
    one, two = (trained(s, row, 30, 2, 3, Trainings(table, 1.0, Random(0))) for s in (space, Remembered(space)))
    assert [record.choices for record in one] == [record.choices for record in two]


def test_a_lucky_network_does_not_win(table: Table, space: Space) -> None:
    train = Trainings(table, 1.0, Random(0))
    good, bad = table.networks[0], table.networks[-1]
    records = [train(0, good.choices), replace(train(1, bad.choices), fitness=good.mean + 0.01)]
    assert found(records, 0, train) == bad
    assert found(records, 2, train) == good


def test_the_command_reads_a_table_and_writes_json(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.jsonl"
    line = {"params": 1, "seconds": 1.0}
    with path.open("w") as file:
        for network in table.networks:
            for seed, top1 in enumerate(network.scores):
                entry = {"choices": network.choices, "label": network.label, "macs": network.macs, "seed": seed}
                file.write(json.dumps({**line, **entry, "top1": top1}) + "\n")
    arguments = ["--table", str(path), "--space", str(ROOT / "spaces/mini.vns"), "--seeds", "4", "--trials", "10,20"]
    monkeypatch.setattr(sys, "argv", ["tabular.py", *arguments, "--processes", "2", "--set", PLAIN, "--json"])
    tabular.main()
    report = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in report["rows"]] == ["evolution", "random", PLAIN]
    assert report["searches"] == 4 and report["seeds"] == pytest.approx(table.seeds)
    play = Play(table, Remembered(table.space), [10, 20], 1, 1.0)
    for row, got in zip(rows_of([PLAIN]), report["rows"], strict=True):
        for place, cell in enumerate(got["trials"].values()):
            regrets = [play(row, seed)[place][0] for seed in range(4)]
            assert cell["regret"] == pytest.approx(sum(regrets) / 4)


@pytest.mark.slow
def test_defaults_are_at_least_as_good_as_plain_evolution(request: pytest.FixtureRequest) -> None:
    """On NAS-Bench-Macro, on the half of the seeds that did not tune them."""
    path = request.config.getoption("--table")
    if not path:
        pytest.skip("give nas-bench-macro_cifar10.json of xiusu/NAS-Bench-Macro with --table")
    space = load(ROOT / "spaces/nas_bench_macro.vns").get()
    play = Play(Table.read(Path(path), space), Remembered(space), [50, 100, 200], 1, 1.0)
    rows = {row.name: row for row in rows_of([PLAIN])}
    means = {}
    for name, row in rows.items():
        searches = [play(row, seed) for seed in range(1, 200, 2)]
        means[name] = [sum(search[place][0] for search in searches) / len(searches) for place in range(3)]
    for place in range(3):
        assert means["evolution"][place] <= means[PLAIN][place] < means["random"][place]
