"""Extremes that are found by trying: attained by the network that goes with them, and on small spaces the true ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from vnasdsl.elaborate import Space, load
from vnasdsl.space.bounds import extremes, neighbours
from vnasdsl.space.costs import GOALS
from vnasdsl.space.decisions import Decision

CHAIN = """
space s {
  input clip = video(frames=2, size=4, classes=2)
  conv(2 | 3 | 5, 1x1x1)
  1..3 * (conv(same, 1x3x3) | conv(same, 3x1x1) | skip)
  pool -> linear(classes)
}
"""
WIRED = """
tied block normal(a, b, c) {
  n = sum(pick 1..2 of [a -> conv(c, 1x1x1), b -> (conv(c, 1x3x3) | conv(c, 3x3x3))])
  out concat(n, a, b)
}

space s {
  input clip = video(frames=2, size=4, classes=2)
  a = conv(4, 1x1x1)
  b = conv(4, 3x1x1)
  c = normal(a, b, 2 | 4)
  d = normal(c, b, 3)
  pool -> linear(classes)
}
"""
OPEN_INPUT = """
space s {
  input clip = video(frames=1 | 2 | 4, size=4 | 8, classes=2)
  conv(2, 1x1x1) -> (conv(3, 3x1x1) | skip if frames > 1 else conv(4, 1x1x1))
  pool -> linear(classes)
}
"""
REAL = """
block unit(width, ratio, kernel) {
  conv(width, (1, kernel, kernel)) -> squeeze_excite(ratio)
}

space s {
  input clip = video(frames=2, size=4, classes=2)
  1..2 * unit(16 | 32, 0.25..1.0, 1 | 3)
  pool -> linear(classes)
}
"""


def space(folder: Path, text: str) -> Space:
    (folder / "pyproject.toml").write_text("", encoding="utf-8")
    (folder / "s.vns").write_text(f"{text}\nsearch e for s {{ strategy = evolution }}\n", encoding="utf-8")
    return load(folder / "s.vns").get()


@pytest.mark.parametrize("text", [CHAIN, WIRED, OPEN_INPUT], ids=["chain", "wired", "input"])
def test_small_spaces_against_all_of_their_networks(tmp_path: Path, text: str) -> None:
    one = space(tmp_path, text)
    networks = [one.network(made) for made in one.networks()]
    macs, params = {n.macs[0] for n in networks}, {n.params[0] for n in networks}
    found = {goal: extreme.value for goal, extreme in extremes(one).items()}
    assert found == {
        "macs_min": min(macs),
        "macs_max": max(macs),
        "params_min": min(params),
        "params_max": max(params),
    }


@pytest.mark.parametrize("text", [CHAIN, WIRED, OPEN_INPUT, REAL], ids=["chain", "wired", "input", "real"])
def test_what_is_found_is_the_cost_of_its_network(tmp_path: Path, text: str) -> None:
    one = space(tmp_path, text)
    found = extremes(one)
    assert set(found) == set(GOALS)
    for goal, extreme in found.items():
        network = one.network(extreme.made)
        cost = network.macs if goal.startswith("macs") else network.params
        assert cost == (extreme.value, extreme.value)


def test_real_choices_are_tried_at_their_ends(tmp_path: Path) -> None:
    one = space(tmp_path, REAL)
    found = extremes(one)
    assert found["params_max"].made["stack[0].ratio"] == "1.0"
    least = found["params_min"]
    assert one.network({**least.made, "stack[0].ratio": "0.25"}).params[0] == least.value


def test_they_are_the_same_every_time_and_work_is_bounded(tmp_path: Path) -> None:
    one = space(tmp_path, WIRED)
    assert extremes(one) == extremes(space(tmp_path, WIRED))
    few = extremes(one, work=2)
    assert few["macs_min"].value >= extremes(one)["macs_min"].value
    assert len({tuple(extreme.made.items()) for extreme in few.values()}) <= 2


def test_neighbours_of_edges_keep_their_number() -> None:
    decision = Decision("n.edges", "edges", "edges", ("a", "b", "c"), least=1, most=2, value="a + b")
    assert set(neighbours(decision)) == {"a", "b", "a + c", "b + c"}
    exact = Decision("n.edges", "edges", "edges", ("a", "b", "c"), least=2, most=2, value="a + b")
    assert set(neighbours(exact)) == {"a + c", "b + c"}
