"""The most probable networks within a budget, against looking at every network."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.codegen.code import read
from tests.space.random_spaces import BLOCKS, Made, spaces
from tests.space.wired_spaces import Graph, graphs
from tests.support import examples, shipped_space
from vnasdsl.derive import Budgets, Measure, decode, top_networks
from vnasdsl.elaborate import Space
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.relax.trellis import Trellis, trellis

Rows = dict[str, list[float]]
Matrices = dict[str, list[list[float]]]
MEASURES: tuple[Measure, ...] = ("macs", "params")


def row(length: int, drawn: random.Random, few: bool) -> list[float]:
    """Probabilities; `few`: of so few values that there are ties, and zeros."""
    weights = [drawn.choice((0, 1, 1, 2)) if few else drawn.random() + 0.01 for _ in range(length)]
    total = sum(weights) or 1
    return [weight / total for weight in weights]


def learnt(shape: Trellis, seed: int, few: bool = False) -> tuple[Matrices, Rows]:
    drawn = random.Random(seed)
    paths, before = {}, 1
    for stage in shape.stages:
        paths[stage.name] = [row(len(stage.states), drawn, few) for _ in range(before)]
        before = len(stage.states)
    states = [state for stage in shape.stages for state in stage.states]
    mixtures = [m for state in states for m in (*state.mixtures, *state.edges)]
    return paths, {m.name: row(len(m.options), drawn, few) for m in mixtures}


def score(shape: Trellis, paths: Matrices, mixtures: Rows, way: Mapping[str, str]) -> int | None:
    """The logarithm of the product of the weights along the path of one network and of its options in the states on
    that path, each rounded to 2^-40; None for an impossible network."""
    factors, before = [], 0
    for stage in shape.stages:
        (here,) = [j for j, s in enumerate(stage.states) if all(way.get(c) == o for c, o in s.choices)]
        factors.append(paths[stage.name][before][here])
        for mixture in stage.states[here].mixtures:
            if all(way.get(c) == o for c, o in mixture.when):
                factors.append(mixtures[mixture.name][mixture.options.index(way[mixture.choice])])
        before = here
    return None if 0 in factors else sum(round(math.log(factor) * 2**40) for factor in factors)


def brute_force(
    space: Space, paths: Matrices, mixtures: Rows, measure: Measure
) -> list[tuple[int, int, dict[str, str]]]:
    """Score, cost and choices of every network that is possible, in the order of the file."""
    shape = trellis(space)
    scored = [(score(shape, paths, mixtures, way), way) for way in space.networks()]
    return [(value, getattr(space.choose(way), measure), way) for value, way in scored if value is not None]


def compare(space: Space, paths: Matrices, mixtures: Rows, count: int, measure: Measure, place: float) -> None:
    everything = brute_force(space, paths, mixtures, measure)
    if not everything:
        assert top_networks(space, paths, mixtures, count, measure, 1) == ()
        return
    costs = sorted(cost for _, cost, _ in everything)
    limit = costs[min(int(place * len(costs)), len(costs) - 1)]
    within = [each for each in everything if each[1] <= limit]
    best = sorted(within, key=lambda each: (-each[0], each[1]))[:count]
    found = top_networks(space, paths, mixtures, count, measure, limit)
    assert [network.choices for network in found] == [way for _, _, way in best]
    for network, (value, _, way) in zip(found, best, strict=True):
        graph = space.choose(way)
        assert (network.macs, network.params) == (graph.macs, graph.params)
        assert network.log_probability == pytest.approx(value / 2**40, abs=1e-9)


@given(
    spaces(most=60), st.integers(0, 10**6), st.booleans(), st.integers(1, 7), st.sampled_from(MEASURES), st.floats(0, 1)
)
@examples(80)
def test_the_best_within_a_budget_are_those_of_brute_force(
    made: Made, seed: int, few: bool, count: int, measure: Measure, place: float
) -> None:
    space = read(made.text)
    assume(space.choices)
    compare(space, *learnt(trellis(space), seed, few), count, measure, place)


@given(graphs(), st.integers(0, 10**6), st.integers(1, 5), st.sampled_from(MEASURES), st.floats(0, 1))
@examples(40)
def test_a_space_with_names_and_joins_has_the_same_answer_or_none(
    graph: Graph, seed: int, count: int, measure: Measure, place: float
) -> None:
    assume(len(graph.ways(400) or ()) > 1)
    try:
        space = read(graph.text())
        shape = trellis(space)
    except VnsError:
        assume(False)
    try:
        compare(space, *learnt(shape, seed), count, measure, place)
    except UserError as fault:
        assert "are not worked out" in str(fault)


@given(spaces(most=60), st.integers(0, 10**6), st.booleans(), st.sampled_from(MEASURES))
@examples(40)
def test_the_curve_rises_where_a_better_network_comes_within_reach(
    made: Made, seed: int, few: bool, measure: Measure
) -> None:
    space = read(made.text)
    assume(space.choices)
    paths, mixtures = learnt(trellis(space), seed, few)
    everything = brute_force(space, paths, mixtures, measure)
    assume(everything)
    curve = Budgets(space, paths, mixtures, measure).curve()
    assert curve == sorted(set(curve)) and [p for _, p in curve] == sorted({p for _, p in curve})
    for limit in {cost for _, cost, _ in everything}:
        best = max(value for value, cost, _ in everything if cost <= limit)
        assert max(p for cost, p in curve if cost <= limit) * 2**40 == best


def test_widths_and_operations_are_decided_together() -> None:
    """The widest path is the most probable one, and with the operations that are open on it another network is."""
    space = shipped_space("tiny")
    paths, mixtures = learnt(trellis(space), 0)
    for stage, width in (("s2", "16"), ("s3", "32"), ("s4", "48")):
        paths[stage] = [[0.2, 0.35, 0.45] for _ in paths[stage]]
        for name in mixtures:
            if name.startswith(stage):
                decided = f"channels={width}" not in name
                mixtures[name] = [0.97, 0.01, 0.01, 0.01] if decided else [0.28, 0.24, 0.24, 0.24]
    assert set(decode(trellis(space), paths, mixtures).labels) == {"", "channels=16", "channels=32", "channels=48"}
    (best,) = top_networks(space, paths, mixtures)
    assert best.labels == ("", "channels=12", "channels=24", "channels=40")


def test_a_budget_below_the_cheapest_network_names_it() -> None:
    space = shipped_space("tiny")
    least = space.macs[0]
    paths, mixtures = learnt(trellis(space), 0)
    (only,) = top_networks(space, paths, mixtures, 1, "macs", least)
    assert only.macs == least
    with pytest.raises(UserError, match=f"the cheapest has {least:,}") as caught:
        top_networks(space, paths, mixtures, 1, "macs", least - 1)
    assert "s2.head.channels=8" in str(caught.value)


def test_what_cannot_be_answered_is_said() -> None:
    cells = shipped_space("peng2019_tiny")
    with pytest.raises(UserError, match="chooses edges"):
        top_networks(cells, *learnt(trellis(cells), 0), 1, "macs", 1e12)
    space = shipped_space("tiny")
    with pytest.raises(UserError, match="belong to another space"):
        top_networks(space, {}, {})


def test_tied_blocks_are_refused_and_names_of_copies_are_told_apart() -> None:
    tied = (
        BLOCKS
        + """
tied block cell { basic(1) | basic(2) }
space s {
  input clip = video(frames=4, size=8, classes=3)
  stage a {
    head(4 | 6, 2)
    cell -> cell
  }
  pool -> linear(classes)
}
"""
    )
    space = read(tied)
    with pytest.raises(UserError, match="tied block `cell`"):
        top_networks(space, *learnt(trellis(space), 0))
    space = read(tied.replace("tied ", "").replace("cell -> cell", "(1..3) * cell"))
    assert any("#3" in name for name in learnt(trellis(space), 0)[1])
    for seed in range(5):
        compare(space, *learnt(trellis(space), seed), 4, "macs", 0.5)


@pytest.mark.parametrize("measure", MEASURES)
def test_all_of_x3d3_is_searched(measure: Measure) -> None:
    """10^17 networks: the best of every budget is above all networks drawn within it."""
    space = shipped_space("x3d3")
    paths, mixtures = learnt(trellis(space), 3)
    budgets = Budgets(space, paths, mixtures, measure, 5)
    drawn = [budgets.describe(space.sample(random.Random(seed))) for seed in range(8)]
    for network in drawn:
        found = budgets.networks(getattr(network, measure))
        assert len(found) == 5 and min(each.log_probability for each in found) >= network.log_probability
        assert max(getattr(each, measure) for each in found) <= getattr(network, measure)
        for each in found:
            graph = space.choose(each.choices)
            assert (each.macs, each.params) == (graph.macs, graph.params)
