"""Learned connections decide which edges stay."""

from __future__ import annotations

from random import Random

import pytest

from tests.search.evolve.networks import edges, option
from vnasdsl.searching.evolve.mutation import guide_edges

NETWORK = (
    edges("n4.edges", "a + b + c", "a b c d e f", least=1, most=5),
    edges("n5.edges", "d", "a b c d e f", least=1, most=5),
    option("n4.op", "x", "x", "y"),
)


def taken(value: str) -> set[str]:
    return set(value.split(" + "))


def test_edges_stay_as_often_as_they_weigh_and_as_many_come_as_go() -> None:
    weights = {"n4.edges": (0.9, 0.5, 0.2)}
    kept = {"a": 0, "b": 0, "c": 0}
    alone = 0
    draws = 4000
    for seed in range(draws):
        guided = guide_edges(NETWORK, weights, 1.0, Random(seed))
        assert guided is not None and guided.choices["n4.op"] == "x"
        now, other = taken(guided.choices["n4.edges"]), taken(guided.choices["n5.edges"])
        assert len(now) + len(other) == 4 and 1 <= len(now) <= 5 and "d" in other
        for edge in now & kept.keys():
            kept[edge] += 1
        alone += not now & kept.keys()
    # The heaviest stays where chance keeps none: 0.1 * 0.5 * 0.8 more often.
    assert alone == 0
    expected = {"a": 0.9 + 0.1 * 0.5 * 0.8, "b": 0.5, "c": 0.2}
    for edge, share in expected.items():
        assert kept[edge] / draws == pytest.approx(share, abs=0.03)


def test_power_sharpens() -> None:
    stays = [
        "b" in taken(guide_edges(NETWORK, {"n4.edges": (1.0, 0.5, 1.0)}, 3.0, Random(seed)).choices["n4.edges"])  # type: ignore[union-attr]
        for seed in range(4000)
    ]
    assert sum(stays) / len(stays) == pytest.approx(0.125, abs=0.02)


def test_certain_edges_stay_and_nothing_is_added() -> None:
    guided = guide_edges(NETWORK, {"n4.edges": (1.0, 1.0, 1.0)}, 1.0, Random(3))
    assert guided is not None
    assert guided.choices["n4.edges"] == "a + b + c" and guided.text == "guide every edge kept"


def test_the_least_number_is_kept_of_the_heaviest() -> None:
    network = (edges("n.edges", "a + b + c", "a b c", least=2, most=3),)
    for seed in range(20):
        guided = guide_edges(network, {"n.edges": (1e-12, 1e-9, 1e-10)}, 1.0, Random(seed))
        assert guided is not None and guided.choices["n.edges"] == "b + c"  # nothing else could be added


def test_without_weights_there_is_nothing_to_guide() -> None:
    assert guide_edges(NETWORK, {}, 1.0, Random(0)) is None
    assert guide_edges(NETWORK, {"n5.edges": (0.5, 0.5)}, 1.0, Random(0)) is None  # of another network
    assert guide_edges(NETWORK[2:], {"n4.edges": (0.5,)}, 1.0, Random(0)) is None
