"""Tables of trained networks: what they say follows from their lines."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from truth import Table

from tests.support import ROOT
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.language.diagnostics import UserError

Line = dict[str, Any]


@pytest.fixture(scope="module")
def space() -> Space:
    return load(ROOT / "tests/search/small.vns", Overrides(classes=3)).get()


@pytest.fixture(scope="module")
def lines(space: Space) -> list[Line]:
    """Every network with two seeds, as benchmarks/exhaustive.py writes them."""
    random = Random(0)
    made = []
    for number, choices in enumerate(space.networks()):
        graph = space.choose(choices)
        network = {"choices": choices, "label": f"n{number}", "macs": graph.macs, "params": graph.params}
        quality = 0.5 + 0.3 * random.random()
        made += [{**network, "seed": s, "top1": quality + 0.1 * random.random(), "seconds": 2.0} for s in (0, 1)]
    random.shuffle(made)
    return made


@pytest.fixture
def table_of(tmp_path: Path, space: Space) -> Callable[[list[Line]], Table]:
    def read(lines: list[Line]) -> Table:
        path = tmp_path / "table.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return Table.read(path, space)

    return read


def test_best_rank_and_regret_are_by_the_mean_over_the_seeds(
    lines: list[Line], table_of: Callable[[list[Line]], Table]
) -> None:
    table = table_of(lines)
    means = {line["label"]: statistics.mean(x["top1"] for x in lines if x["label"] == line["label"]) for line in lines}
    assert len(table.networks) == 36 and table.networks[0].seconds == 4.0
    assert means[table.best.label] == max(means.values())
    for line in lines:
        network = table.of(line["choices"])
        assert network.label == line["label"]
        assert table.rank(network) == 1 + sum(mean > network.mean for mean in means.values())
        assert table.regret(network) == pytest.approx(100 * (max(means.values()) - means[line["label"]]))


def test_within_a_budget_others_are_best(lines: list[Line], table_of: Callable[[list[Line]], Table]) -> None:
    table = table_of(lines)
    budgets = table.budgets()
    macs = sorted(network.macs for network in table.networks)
    assert budgets == [macs[9], macs[18], macs[27]]
    for budget in budgets:
        inside = [network for network in table.networks if network.macs <= budget]
        part = table.within(budget)
        assert part.best == max(inside, key=lambda network: network.mean)
        assert part.rank(inside[3]) == 4 and part.rank(table.best) == 1
    assert {n.macs for n in table.within(budgets[1], budgets[0]).networks} <= set(range(budgets[0], budgets[1] + 1))


def test_deviation_of_networks_and_of_seeds(space: Space, table_of: Callable[[list[Line]], Table]) -> None:
    """Drawn with 5 points between networks and 2 between seeds; the means of few seeds differ by more than 5."""
    random = Random(1)
    made = []
    for number, choices in enumerate(space.networks()):
        quality = random.gauss(0.6, 0.05)
        network = {"choices": choices, "label": str(number), "macs": 1, "params": 1, "seconds": 1.0}
        made += [{**network, "seed": s, "top1": quality + random.gauss(0, 0.02)} for s in range(2)]
    table = table_of(made)
    pairs = [(a["top1"], b["top1"]) for a, b in zip(made[::2], made[1::2], strict=True)]
    assert table.seeds == pytest.approx(100 * statistics.mean((a - b) ** 2 / 2 for a, b in pairs) ** 0.5)
    assert table.between == pytest.approx(
        (100**2 * statistics.pvariance([(a + b) / 2 for a, b in pairs]) - table.seeds**2 / 2) ** 0.5
    )
    assert 3.5 < table.between < 6.5 and 1.4 < table.seeds < 2.6


def test_an_equal_network_is_found_by_other_choices(lines: list[Line], table_of: Callable[[list[Line]], Table]) -> None:
    """A skip before a layer and one after it make the same network."""
    before = {"s2.stack[0].op": "skip", "s2.stack[1].op": "basic(2)"}
    after = {"s2.stack[0].op": "basic(2)", "s2.stack[1].op": "skip"}
    kept = [line for line in lines if not before.items() <= line["choices"].items()]
    assert len(kept) == len(lines) - 8
    for line in lines:
        if after.items() <= line["choices"].items():
            assert table_of(kept).of({**line["choices"], **before}).label == line["label"]


def test_a_training_that_was_repeated_counts_once(lines: list[Line], table_of: Callable[[list[Line]], Table]) -> None:
    again = {**lines[0], "top1": 0.99}
    network = table_of([*lines, again]).of(again["choices"])
    assert len(network.scores) == 2 and network.scores[again["seed"]] == 0.99


@pytest.mark.parametrize("text", ["", "{", '{"choices": {}}', "[1, 2]", '{"01": 3}'])
def test_files_that_are_no_table_are_errors(tmp_path: Path, space: Space, text: str) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match="table"):
        Table.read(path, space)


def test_a_missing_file_and_a_missing_network_are_errors(
    tmp_path: Path, space: Space, lines: list[Line], table_of: Callable[[list[Line]], Table]
) -> None:
    with pytest.raises(UserError, match="cannot read"):
        Table.read(tmp_path / "none.jsonl", space)
    table = table_of(lines[:2])
    missing = next(line for line in lines if line["choices"] not in [n.choices for n in table.networks])
    with pytest.raises(UserError, match="no network of these choices"):
        table.of(missing["choices"])
