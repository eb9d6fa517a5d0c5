"""Spaces with lines read by name, joins, picks, lists and ties, against the brute force of `wired_spaces`."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.space.random_spaces import examples
from tests.space.wired_spaces import FRAMES, SIZE, Graph, Way, graphs
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.elaborate.imports import collect
from vnasdsl.elaborate.space import build
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, UserError
from vnasdsl.language.parser import parse
from vnasdsl.language.source import Source
from vnasdsl.space.counting import CannotCountError
from vnasdsl.space.restrict import restrict_all
from vnasdsl.space.ways import GOALS, Cost, Unsure, Ways

MOST = 400
SHAPE = (3, FRAMES, SIZE, SIZE)


def built(text: str) -> tuple[Space, list[Diagnostic]]:
    """The last space of a text with the faults of its lines and shapes."""
    definitions = Definitions()
    faults: list[Diagnostic] = []
    module = parse(Source("made.vns", text))
    collect(module, None, definitions, faults)
    net = module.items[-1]
    assert isinstance(net, tree.Space) and not faults
    space = build(net, definitions, Overrides())
    assert space.costed or space.faults or space.analysis.failed or space.analysis.missing
    return space, [*space.faults, *(d for d in space.analysis.diagnostics if d.severity == "error")]


def read(graph: Graph) -> tuple[Space, list[Diagnostic]]:
    return built(graph.text())


def price(space: Space, made: Mapping[str, str]) -> Cost:
    """What one network costs with all of its lines, those too that nothing reads."""
    nodes = space.choose(made).layers
    macs, params = sum(node.macs for node in nodes), sum(node.params for node in nodes)
    return Cost(macs, macs, params, params)


def may_leave_lines_out(space: Space) -> bool:
    """Whether some line may have no reader in some network."""
    waiting: list[Ways] = list((space.ways or {}).values())
    while waiting:
        ways = waiting.pop()
        if isinstance(ways, Unsure):
            return True
        waiting += ways.parts
    return False


def few(graph: Graph) -> list[Way]:
    ways = graph.ways(MOST)
    assume(ways is not None)
    assert ways is not None
    return ways


@given(graphs())
@examples(150)
def test_costs_are_those_of_brute_force_or_bounds_said_to_be_bounds(graph: Graph) -> None:
    ways = few(graph)
    space, faults = read(graph)
    costs = [way.cost for way in ways if way.cost is not None]
    if len(costs) == len(ways):
        assert not faults, "every network can be built"
        with suppress(CannotCountError):
            assert space.size == len({way.made for way in ways})
        least, most = [min(c) for c in zip(*costs, strict=True)], [max(c) for c in zip(*costs, strict=True)]
        assert space.macs[0] <= least[0] and most[0] <= space.macs[1]
        assert space.params[0] <= least[1] and most[1] <= space.params[1]
        ends = {"macs_min": least[0], "macs_max": most[0], "params_min": least[1], "params_max": most[1]}
        if may_leave_lines_out(space):  # then networks cost less than all of their lines
            prices = [space.price(made) for made in space.networks()]
            for goal in GOALS:
                ends[goal] = (min if goal.endswith("min") else max)(getattr(price, goal) for price in prices)
        for goal in GOALS:
            if goal in space.exact_ends:
                assert getattr(space.cost, goal) == ends[goal]
        if not any(block.tied for block in graph.blocks) and not may_leave_lines_out(space):
            assert space.exact
    else:
        assert faults or space.analysis.overapproximate, "a network cannot be built, and nothing is said"


@given(graphs())
@examples(100)
def test_every_network_is_listed_once_with_its_costs(graph: Graph) -> None:
    ways = few(graph)
    assume(all(way.cost for way in ways))  # one that cannot be built ends where it does not fit
    space, _ = read(graph)
    found = list(space.networks())
    assert len({_key(made) for made in found}) == len(found) == len(ways)
    prices = [price(space, made) for made in found]
    assert sorted((cost.macs_min, cost.params_min) for cost in prices) == sorted(way.cost for way in ways if way.cost)


@given(graphs(), st.randoms(use_true_random=False))
@examples(60)
def test_fixing_a_choice_leaves_the_networks_that_agree(graph: Graph, drawn: random.Random) -> None:
    few(graph)
    space, faults = read(graph)
    assume(not faults and space.choices)
    everything = list(space.networks())
    way = everything[drawn.randrange(len(everything))]
    assume(way)  # choices may all stand where no shape leads to
    name = drawn.choice(sorted(way))
    segments = restrict_all(space.segments, lambda n, _, options: (way[name],) if n == name else options)
    fixed = replace(space, segments=segments)
    left = list(fixed.networks())
    agree = [made for made in everything if made.get(name, way[name]) == way[name]]
    assert sorted(_key({k: v for k, v in made.items() if k != name}) for made in agree) == sorted(map(_key, left))
    with suppress(CannotCountError):  # what comes out of a tied block depends on its choices
        assert fixed.size == len(left)


@given(graphs(), st.randoms(use_true_random=False))
@examples(60)
def test_what_is_drawn_is_a_network_and_what_is_made_is_kept(graph: Graph, drawn: random.Random) -> None:
    few(graph)
    space, faults = read(graph)
    assume(not faults)
    everything = {_key(made) for made in space.networks()}
    for _ in range(5):
        way = space.sample(drawn)
        assert _key(way) in everything
        assert space.complete(way, drawn) == way
        half = {name: way[name] for name in list(way)[::2]}
        assert _key(space.complete(half, drawn)) in everything


def _key(made: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(made.items()))


def test_a_line_of_a_block_that_only_its_out_reads() -> None:
    block = "block cell(a) {\n  n0 = conv(3, 1x1x1)\n  out n0\n}\n"
    lines = "input clip = video(frames=2, size=4, classes=2)\n  w0 = cell(clip)\n  pool -> linear(classes)"
    space, faults = built(f"{block}space made {{\n  {lines}\n}}\n")
    assert not faults and space.cost.macs_max == 3 * 3 * 2 * 4 * 4 + 3 * 2


def test_fixing_an_item_that_only_a_longer_list_has_leaves_the_networks_of_that_list() -> None:
    lines = (
        "w0 = [conv(2, 1x1x1), (1 | 2) * (conv(2, 1x1x1) | skip)]",
        "w1 = concat(pick 1 of [clip -> conv(2, 1x1x1), w0])",
        "w1 -> pool -> linear(classes)",
    )
    text = "\n  ".join(("space made {", "input clip = video(frames=2, size=4, classes=2)", *lines))
    space, faults = built(f"{text}\n}}\n")
    assert not faults
    everything = list(space.networks())
    segments = restrict_all(space.segments, lambda n, _, options: ("w0[2]",) if n == "w1.edges" else options)
    fixed = replace(space, segments=segments)
    left = list(fixed.networks())
    agree = [{k: v for k, v in made.items() if k != "w1.edges"} for made in everything if made["w1.edges"] == "w0[2]"]
    assert left == agree and len(left) == 4 == fixed.size
    assert all(fixed.complete({}, random.Random(seed)) in left for seed in range(20))
    with pytest.raises(UserError, match="`w0` has 2 values, not 3"):
        fixed.choose({**left[0], "w0.copies.number": "1"})
