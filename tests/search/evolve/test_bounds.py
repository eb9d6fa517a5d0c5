"""Hard limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from tests.support import ROOT, shipped_space
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.source import Source
from vnasdsl.searching.evolve.bounds import Bounds, Candidate
from vnasdsl.searching.evolve.history import Record
from vnasdsl.train.recipe_parts import Limits, Score
from vnasdsl.train.recipes import RandomRecipe

TEXT = (ROOT / "tests" / "search" / "evolve" / "lists.vns").read_text(encoding="utf-8")


def no_measure(network: Space, device: str) -> Mapping[str, Any]:
    raise AssertionError("nothing is to be measured")


def small(require: str = "") -> Space:
    text = TEXT.replace("  stage s1", f"  {require}\n  stage s1", 1)
    return load_source(Source("lists.vns", text), None, Overrides(classes=3)).get()


def recipe(**limits: Any) -> RandomRecipe:
    return RandomRecipe(limits=Limits(**limits))


def networks(space: Space) -> list[Candidate]:
    return [Candidate(space, made) for made in space.networks()]


def test_a_network_is_measured_against_every_limit() -> None:
    space = small("require macs >= 100K")
    bounds = Bounds(space, recipe(params=600), no_measure)
    assert [bound.text for bound in bounds.bounds] == ["params <= 600", "macs >= 100K"]
    bounds.require_reachable()
    seen = set()
    for network in networks(space):
        params, macs = network.graph.params, network.graph.macs
        costs, broken = bounds.broken(network)
        assert (costs.params, costs.macs) == (params, macs)
        expected = "params <= 600" if params > 600 else "macs >= 100K" if macs < 100_000 else None
        assert (broken.text if broken else None) == expected
        seen.add(expected)
    assert len(seen) == 3


def test_a_limit_of_the_recipe_that_nothing_meets_names_the_least_there_is() -> None:
    space = small()
    least = min(network.graph.params for network in networks(space))
    with pytest.raises(UserError) as caught:
        Bounds(space, recipe(params=10), no_measure).require_reachable()
    assert caught.value.message == f"no network of `lists` meets `params <= 10`: the smallest has {least:,}"
    Bounds(space, recipe(params=least), no_measure).require_reachable()


def test_a_limit_of_the_space_that_nothing_meets_is_a_fault_at_its_line() -> None:
    with pytest.raises(VnsError) as caught:
        small("require params <= 10")
    assert caught.value.diagnostics[0].code == "E0505"


def measured(values: Mapping[str, float], calls: list[str]) -> Any:
    def measure(network: Space, device: str) -> Mapping[str, Any]:
        calls.append(device)
        return {"ms": values[device], "spread": 0.01}

    return measure


def test_latency_is_measured_only_of_networks_that_keep_the_other_limits() -> None:
    space = small()
    calls: list[str] = []
    bounds = Bounds(space, recipe(latency_cpu=5.0, params=600), measured({"cpu": 7.0}, calls))
    outcomes = [bounds.broken(network) for network in networks(space)]
    cheap = [network for network in networks(space) if network.graph.params <= 600]
    assert len(calls) == len(cheap) > 0 and set(calls) == {"cpu"}
    for costs, broken in outcomes:
        assert broken is not None
        assert broken.text == ("latency_cpu <= 5ms" if costs.latency else "params <= 600")
        assert not costs.latency or costs.latency == {"latency_cpu": {"ms": 7.0, "spread": 0.01}}


def test_a_latency_in_the_objective_is_measured_without_a_limit() -> None:
    calls: list[str] = []
    wanted = RandomRecipe(objective=Score(cost="latency_gpu"))
    network = Candidate(small(), small().complete({}, Random(0)))
    costs, broken = Bounds(small(), wanted, measured({"gpu": 2.5}, calls)).broken(network)
    assert broken is None and calls == ["gpu"] and costs.of("latency_gpu") == 2.5


def test_giving_up_says_what_broke_which_limit_and_what_came_nearest() -> None:
    space = small()
    bounds = Bounds(space, recipe(latency_cpu=5.0, params=600), measured({"cpu": 7.25}, []))
    records = []
    for number, network in enumerate(networks(space)):
        costs, broken = bounds.broken(network)
        assert broken is not None
        figures: Any = {"macs": costs.macs, "params": costs.params, "latency": costs.latency, "limit": broken.text}
        records.append(Record(number, "dropped", (), (), network.choices, **figures))
    fault = bounds.give_up(records)
    counts = Counter(record.limit for record in records)
    least = min(network.graph.params for network in networks(space) if network.graph.params > 600)
    assert fault.message == (
        f"none of {sum(counts.values())} networks drawn from `lists` meets the limits:"
        f" {counts['params <= 600']} broke `params <= 600` (the smallest found has {least:,});"
        f" {counts['latency_cpu <= 5ms']} broke `latency_cpu <= 5ms` (the smallest found has 7.25 ms)"
    )


def test_limits_read_as_they_were_written() -> None:
    space = shipped_space("tiny")
    bounds = Bounds(space, recipe(params=30e6, macs=5_000_000_000, latency_cpu=40.0, latency_gpu=0.5), no_measure)
    assert [bound.text for bound in bounds.bounds] == [
        "params <= 30M",
        "macs <= 5G",
        "latency_cpu <= 40ms",
        "latency_gpu <= 0.5ms",
    ]
