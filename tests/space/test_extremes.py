"""Least and greatest costs that are found by trying are those of networks of the space."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from vnasdsl.elaborate import Space, load
from vnasdsl.space.bounds import extremes
from vnasdsl.space.costs import GOALS

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
    found = extremes(one)
    assert set(found) == set(GOALS)
    assert {found["macs_min"], found["macs_max"]} <= macs
    assert {found["params_min"], found["params_max"]} <= params
    assert found["macs_max"] == max(macs)
    assert found["params_min"] == min(params)


def test_real_choices_are_drawn_between_their_ends(tmp_path: Path) -> None:
    one = space(tmp_path, REAL)
    found = extremes(one)
    assert not one.costed
    drawn = one.price(one.complete({}, Random(1))).params_min
    assert found["params_min"] <= drawn <= found["params_max"]


def test_they_are_the_same_every_time(tmp_path: Path) -> None:
    assert extremes(space(tmp_path, WIRED)) == extremes(space(tmp_path, WIRED))
