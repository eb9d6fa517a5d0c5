"""NAS-Bench-Macro: parameters and MACs of its networks, against its own rules and against the authors' table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.support import ROOT
from vnasdsl.elaborate import Space, load

WIDTHS = (64, 64, 128, 128, 128, 256, 256, 256)
DIGITS = {"s1": 2, "s2": 3, "s3": 3}


@pytest.fixture(scope="module")
def space() -> Space:
    return load(ROOT / "spaces/nas_bench_macro.vns").get()


def by_the_rules(name: str) -> tuple[int, int]:
    """MACs and parameters from the description of the networks alone."""

    def conv(before: int, after: int, kernel: int, size: int, groups: int = 1) -> tuple[int, int]:
        weights = before // groups * after * kernel**2
        return weights * size**2, weights + 2 * after  # with its batch-norm

    layers = [conv(3, 32, 3, 32)]
    width, size = 32, 32
    for digit, after in zip(name, WIDTHS, strict=True):
        smaller = size // 2 if after != width else size
        if digit == "0" and after != width:
            layers.append(conv(width, after, 1, smaller))
        elif digit != "0":
            wide, kernel = (3 * width, 3) if digit == "1" else (6 * width, 5)
            layers.append(conv(width, wide, 1, size))
            layers.append(conv(wide, wide, kernel, smaller, groups=wide))
            layers.append(conv(wide, after, 1, smaller))
        width, size = after, smaller
    layers.append(conv(width, 1280, 1, size))
    return sum(m for m, _ in layers) + 1280 * 10, sum(p for _, p in layers) + 1280 * 10 + 10


def costs(space: Space, name: str) -> tuple[int, int]:
    graph = space.choose({c.name: c.options[int(d)] for c, d in zip(space.choices, name, strict=True)})
    return graph.macs, graph.params


def every_name() -> Iterator[str]:
    return map("".join, product("012", repeat=8))


def test_the_space_is_the_table_s(space: Space) -> None:
    assert space.size == 3**8
    assert costs(space, "00000000") == (7_713_280, 387_882)
    assert costs(space, "22222221") == (98_865_664, 2_504_810)


@pytest.mark.parametrize("name", list(every_name())[:: 3**8 // 60])
def test_costs_follow_the_rules(space: Space, name: str) -> None:
    assert costs(space, name) == by_the_rules(name)


@pytest.mark.slow
def test_every_network_follows_the_rules_and_the_table(space: Space, request: pytest.FixtureRequest) -> None:
    """With `--table FILE` also against the authors' table (nas-bench-macro_cifar10.json of xiusu/NAS-Bench-Macro)."""
    path = request.config.getoption("--table")
    table = json.loads(Path(path).read_text()) if path else {}
    for name in every_name():
        got = costs(space, name)
        assert got == by_the_rules(name), name
        if table:
            assert got == (table[name]["flops"], table[name]["params"]), name
