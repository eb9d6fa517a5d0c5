"""Numbers of networks and drawing them, where choices depend on each other."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import comb
from random import Random

import pytest

from tests.space.test_wired_spaces import built
from vnasdsl.api.requests import fixes_of
from vnasdsl.elaborate.drawing import split_options
from vnasdsl.language.diagnostics import UserError
from vnasdsl.network.lower import lower
from vnasdsl.space.decisions import Decision

PAIR = "tied block pair(a) { sum(pick 1 of [a -> bn, a -> relu -> bn], a) }\n"


def space(lines: str, blocks: str = "", input: str = "frames=2, size=4") -> str:
    return f"{blocks}space s {{\n  input clip = video({input}, classes=2)\n{lines}\n  pool -> linear(classes)\n}}\n"


# (lines, blocks, size): the size worked out by hand.
SIZES = {
    "tied, used twice": ("  pair(clip)\n  x1 = relu\n  pair(x1)", PAIR, 2),
    "tied, used or not": ("  pair(clip) | bn\n  bn | relu", PAIR, 2 * (2 + 1)),
    # Of 3 ways to use it once or twice and 1 without, each of the 3 has the two of its own.
    "tied, used twice or not": ("  (pair(clip) | bn)\n  x1 = relu\n  pair(x1) | bn", PAIR, 3 * 2 + 1),
    "a list of a chosen length": (
        "  l = [1..3 * conv(2, 1x1x1)]\n  sum(pick 1..2 of [l])",
        "",
        sum(comb(n, 1) + comb(n, 2) for n in (1, 2, 3)),
    ),
    "a list of a chosen length with choices": (
        "  l = [1..2 * (bn | relu)]\n  concat(pick 1 of [l, clip])",
        "",
        2 * (1 + 1) + 4 * (2 + 1),
    ),
    "picked from a list and beside it": (
        "  l = [bn, relu, skip]\n  concat(pick 1..2 of [l, clip -> conv(2 | 3, 1x1x1)])",
        "",
        (3 + 2) + (3 + 3 * 2),
    ),
    "none picked": ("  sum(clip, pick 0..2 of [clip -> relu, clip -> bn])", "", 1 + 2 + 1),
    "decided by shapes": ("  conv(2 | 4, 1x1x1)\n  (bn | relu) if channels > 3 else skip", "", 1 + 2),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_worked_out_by_hand(name: str) -> None:
    lines, blocks, size = SIZES[name]
    made, faults = built(space(lines, blocks))
    assert not faults
    assert made.size == size
    assert len({tuple(way.items()) for way in made.networks()}) == size


@pytest.mark.parametrize("name", SIZES)
def test_all_networks_are_drawn_alike_often(name: str) -> None:
    lines, blocks, size = SIZES[name]
    made, _ = built(space(lines, blocks))
    random = Random(1)
    found = Counter(tuple(made.sample(random).items()) for _ in range(200 * size))
    assert set(found) == {tuple(way.items()) for way in made.networks()}
    assert all(abs(count - 200) < 6 * 200**0.5 for count in found.values()), found


def test_the_cells_of_peng2019_are_counted_as_in_its_description() -> None:
    """Two of the inputs of each node, each with one of 3 operations; both uses of the cell make one choice."""
    nodes = []
    for i in range(1, 5):
        edges = ", ".join(f"{name} -> op" for name in ["a", "b", *(f"n{k}" for k in range(1, i))])
        nodes.append(f"  n{i} = sum(pick 2 of [{edges}])")
    cell = "\n".join(["block op { bn | relu | skip }", "tied block cell(a, b) {", *nodes, "  out n4", "}", ""])
    made, faults = built(space("  c1 = cell(clip, clip)\n  c2 = cell(c1, clip)", cell))
    assert not faults
    size = 1
    for inputs in (2, 3, 4, 5):
        size *= comb(inputs, 2) * 3**2
    assert made.size == size


def test_real_choices_are_infinitely_many_and_can_be_completed() -> None:
    made, faults = built(space("  conv(16, 1x1x1) -> squeeze_excite(0.0..1.0)\n  bn | relu"))
    assert not faults
    assert made.size is None
    drawn = made.sample(Random(3))
    assert set(drawn) == {c.name for c in made.choices}
    (name,) = (c.name for c in made.choices if c.is_real)
    assert 0 <= float(drawn[name]) <= 1
    with pytest.raises(UserError, match="real number"):
        list(made.networks())
    fixed = made.fix({"op": ["bn"]})
    assert fixed.size is None
    (decision, *_) = [d for d in made.decisions(drawn) if d.form == "real"]
    assert (decision.low, decision.high, decision.value) == (0.0, 1.0, drawn[name])


def test_what_is_drawn_is_kept_and_the_rest_dropped() -> None:
    made, _ = built(space("  l = [1..3 * (bn | relu)]\n  sum(pick 2..3 of [l, clip, clip -> relu])"))
    first = made.complete({}, Random(1))
    assert made.complete({**first, "gone": "1"}, Random(2)) == first
    options = {d.name: d.options for d in made.decisions(first) if d.form == "edges"}
    number = int(first[next(name for name in first if name.endswith("number"))])
    assert all(texts[:number] == tuple(f"l[{i}]" for i in range(number)) for texts in options.values())


def test_a_value_that_a_choice_does_not_have_is_refused() -> None:
    made, _ = built(space("  sum(pick 1..2 of [clip, clip -> relu])\n  bn | relu"))
    for form, wrong in (("option", "x"), ("edges", "clip2 + clip"), ("edges", "clip + clip"), ("edges", "")):

        def decide(decision: Decision, form: str = form, wrong: str = wrong) -> str:
            return wrong if decision.form == form else next(decision.values())

        with pytest.raises(UserError, match="choice"):
            lower(made.segments, [("clip", made.input.shape)], made.rules, decide)


def test_every_value_of_a_choice_of_edges_is_listed_once() -> None:
    made, _ = built(space("  sum(pick 1..3 of [clip, clip -> relu, clip -> bn])"))
    (decision,) = made.decisions(next(made.networks()))
    values = list(decision.values())
    assert decision.count == len(values) == len(set(values)) == 7
    assert all(decision.allows(value) for value in values)
    sets = product((0, 1), repeat=3)
    texts = [" + ".join(t for t, k in zip(decision.options, kept, strict=True) if k) for kept in sets]
    assert set(values) == {text for text in texts if text}
    drawn = {decision.draw(Random(i)) for i in range(200)}
    assert drawn == set(values)


def test_draws_of_a_large_space_take_no_listing() -> None:
    made, _ = built(space("  l = [1..6 * (bn | relu | skip)]\n  m = [1..6 * sum(pick 1..6 of [l, clip])]\n  sum(m)"))
    assert (made.size or 0) > 10**15
    way = made.sample(Random(1))
    assert made.complete(way, Random(2)) == way


@pytest.mark.parametrize(
    ("value", "operations"),
    [("none", []), ("clip", ["relu"]), ("clip+clip2", ["relu", "bn"]), ("clip + clip2", ["relu", "bn"])],
)
def test_a_pick_is_fixed_to_each_value_as_it_is_printed(value: str, operations: list[str]) -> None:
    made, _ = built(space("  sum(clip, pick 0..2 of [clip -> relu, clip -> bn])"))
    ((name,),) = {tuple(way) for way in made.networks()}
    printed = {way[name] for way in made.networks()}
    assert printed == {"none", "clip", "clip2", "clip + clip2"}
    kept = fixes_of(made, ["edges=clip"], [], {"edges": split_options(value)}, [])
    fixed = made.fix(kept)
    assert fixed.size == 1
    nodes = [fixed.graph.node(key).operation for key in fixed.graph]
    assert [node for node in nodes if node in ("relu", "bn")] == operations
    (way,) = (w for w in made.networks() if w[name].replace(" ", "") == value.replace(" ", ""))
    assert fixed.cost == made.price(way)


def test_no_edges_are_only_a_value_where_a_pick_may_take_none() -> None:
    made, _ = built(space("  sum(pick 1..2 of [none, clip -> relu])"))
    assert {value for way in made.networks() for value in way.values()} == {"none2", "clip", "none2 + clip"}
    with pytest.raises(UserError, match="has none of the options `none`"):
        made.fix({"edges": ["none"]})
