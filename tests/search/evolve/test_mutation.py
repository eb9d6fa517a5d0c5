"""Mutations on networks made by hand: what each kind changes, and all that it leaves as it was."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.search.evolve.networks import edges, number, option, real, streams
from vnasdsl.searching.evolve.mutation import MUTATION_KINDS, Mutated, jittered, mutate, neighbours, values
from vnasdsl.space.decisions import Decision
from vnasdsl.train.recipe_parts import MUTATIONS

PLAIN = (
    option("s1.conv.channels", "16", "8", "16", "24", "32", kind="channels"),
    option("s1.op", "basic(2)", "basic(1)", "basic(2)", "basic(4)", "skip"),
    option("s1.gate", "yes", "yes"),
    real("s1.squeeze.ratio", 0.25),
    edges("s1.edges", "a + c", "a b c", least=1, most=2),
)


def results(kind: str, network: tuple[Decision, ...], draws: int = 60) -> list[Mutated]:
    found = []
    for seed in range(draws):
        mutated = MUTATION_KINDS[kind](network, Random(seed))
        assert mutated is not None
        found.append(mutated)
    return found


def changed(network: tuple[Decision, ...], mutated: Mutated) -> set[str]:
    before = values(network)
    return {name for name in before.keys() | mutated.choices.keys() if before.get(name) != mutated.choices.get(name)}


def test_the_kinds_are_those_of_the_recipe() -> None:
    assert tuple(MUTATION_KINDS) == MUTATIONS


def test_resample_gives_one_open_choice_another_value_that_it_has() -> None:
    seen: dict[str, set[str]] = {}
    for mutated in results("resample", PLAIN, 300):
        (name,) = changed(PLAIN, mutated)
        seen.setdefault(name, set()).add(mutated.choices[name])
    assert seen.keys() == {"s1.conv.channels", "s1.op", "s1.squeeze.ratio", "s1.edges"}  # one option is no choice
    assert seen["s1.conv.channels"] == {"8", "24", "32"}
    assert seen["s1.op"] == {"basic(1)", "basic(4)", "skip"}
    assert seen["s1.edges"] == {"a", "b", "c", "a + b", "b + c"}
    assert all(0 <= float(value) <= 1 for value in seen["s1.squeeze.ratio"])
    assert len(seen["s1.squeeze.ratio"]) > 20


def test_step_goes_to_a_neighbour() -> None:
    seen: dict[str, set[str]] = {}
    for mutated in results("step", PLAIN):
        (name,) = changed(PLAIN, mutated)
        seen.setdefault(name, set()).add(mutated.choices[name])
    assert seen == {"s1.conv.channels": {"8", "24"}, "s1.op": {"basic(1)", "basic(4)"}}


@pytest.mark.parametrize(
    ("value", "options", "expected"),
    [
        ("8", ("8", "32", "16"), {"16"}),  # neighbours by size, not by place
        ("a", ("a", "b"), set()),
        ("conv(8, 1x3x3)", ("conv(8, 1x3x3)", "conv(16, 1x3x3)", "conv(24, 3x3x3)"), {"conv(16, 1x3x3)"}),
        ("f(2, 3)", ("f(1, 3)", "f(2, 3)", "f(2, 5)", "f(1, 5)"), {"f(1, 3)", "f(2, 5)"}),
        ("x2", ("x1", "x2", "x3"), set()),  # a name with a digit is no number
        ("0.5", ("0.25", "0.5", "1.0"), {"0.25", "1.0"}),
    ],
)
def test_neighbours(value: str, options: tuple[str, ...], expected: set[str]) -> None:
    assert set(neighbours(option("x", value, *options))) == expected


def test_jitter_moves_real_numbers_near_to_where_they_are_and_stays_in_range() -> None:
    network = (*PLAIN, real("other", 0.999, 0.99, 1.0))
    near = {"s1.squeeze.ratio": [], "other": []}  # type: dict[str, list[float]]
    for mutated in results("jitter", network, 400):
        names = changed(network, mutated)
        assert names <= near.keys() and len(names) <= 1
        for name in names:
            near[name].append(float(mutated.choices[name]))
    assert all(0 <= value <= 1 for value in near["s1.squeeze.ratio"])
    assert all(0.99 <= value <= 1 for value in near["other"])
    spread = sum((value - 0.25) ** 2 for value in near["s1.squeeze.ratio"]) / len(near["s1.squeeze.ratio"])
    assert 0.08**2 < spread < 0.12**2


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (1e-7, 3e-7), (0.3333333, 0.3333334), (-5.0, 1e6)])
def test_jittered_numbers_lie_in_their_range(low: float, high: float) -> None:
    decision = real("x", low, low, high)
    assert all(decision.allows(jittered(decision, Random(seed))) for seed in range(50))


def test_insert_makes_room_and_moves_later_copies_and_those_who_read_them() -> None:
    network = streams((8, 16, 24))
    places = set()
    for mutated in results("insert", network):
        choices = mutated.choices
        assert choices["level0.number"] == "4"
        new = [i for i in range(4) if f"level0[{i}].conv.channels" not in choices]
        assert len(new) == 1
        places.add(new[0])
        old = [i for i in range(4) if i != new[0]]
        assert [choices[f"level0[{i}].conv.channels"] for i in old] == ["8", "16", "24"]
        assert [choices[f"level0[{i}].conv.dilation"] for i in old] == ["1", "2", "1"]
        assert choices["level1[0].edges"] == f"f0 + level0[{old[1]}]"
        assert choices["level1[1].edges"] == f"level0[{old[0]}] + level0[{old[2]}]"
    assert places == {0, 1, 2, 3}


def test_delete_moves_later_copies_and_cuts_who_read_it() -> None:
    network = streams((8, 16, 24))
    left = set()
    for mutated in results("delete", network):
        choices = mutated.choices
        assert choices["level0.number"] == "2" and not any(name.startswith("level0[2]") for name in choices)
        widths = tuple(choices[f"level0[{i}].conv.channels"] for i in range(2))
        left.add(widths)
        gone = ({"8", "16", "24"} - set(widths)).pop()
        expected = {
            "8": ("f0 + level0[0]", "level0[1]"),
            "16": ("f0", "level0[0] + level0[1]"),
            "24": ("f0 + level0[1]", "level0[0]"),
        }
        assert (choices["level1[0].edges"], choices["level1[1].edges"]) == expected[gone]
    assert left == {("16", "24"), ("8", "24"), ("8", "16")}


def test_lists_do_not_grow_or_shrink_beyond_what_there_is() -> None:
    for kind, network in (("insert", streams((8, 8, 8, 8))), ("delete", streams((8,))), ("split", streams((8,) * 4))):
        assert MUTATION_KINDS[kind](network, Random(0)) is None
    gaps = Decision("s.number", "number", ("1", "4"), value="1")
    assert MUTATION_KINDS["insert"]((gaps, option("s[0].op", "a", "a", "b")), Random(0)) is None


def test_a_list_may_be_counted_by_an_argument_of_its_block() -> None:
    branches = option("g1.module.branches", "2", "1", "2", "3", kind="channels")
    copies = [option(f"g1.module.concat[{i}].op", value, "a", "b", "c") for i, value in enumerate("bc")]
    other = option("g1.module.kernel", "3", "1", "3")
    network = (branches, other, *copies)
    found = results("insert", network)
    for mutated in found:
        assert mutated.choices["g1.module.branches"] == "3" and mutated.choices["g1.module.kernel"] == "3"
        assert [v for i in range(3) if (v := mutated.choices.get(f"g1.module.concat[{i}].op"))] == ["b", "c"]
    assert len({tuple(mutated.choices) for mutated in found}) == 3
    assert {m.choices["g1.module.concat[0].op"] for m in results("delete", network)} == {"b", "c"}
    # Two lists of two: nobody knows which one is counted.
    twice = (*network, *(option(f"g1.module.sum[{i}].op", "a", "a", "b") for i in range(2)))
    assert MUTATION_KINDS["insert"](twice, Random(0)) is None


def test_edge_adds_drops_or_exchanges_one() -> None:
    def ways(value: str, least: int, most: int) -> set[str]:
        network = (edges("x.edges", value, "a b c", least, most),)
        return {mutated.choices["x.edges"] for mutated in results("edge", network)}

    assert ways("a", 1, 3) == {"a + b", "a + c"}
    assert ways("a + c", 1, 3) == {"a", "c", "a + b + c"}
    assert ways("a + b + c", 1, 3) == {"a + b", "a + c", "b + c"}
    assert ways("a + c", 2, 2) == {"a + b", "b + c"}
    fixed = (edges("x.edges", "a + b", "a b", 2, 2),)
    assert MUTATION_KINDS["edge"](fixed, Random(0)) is None and MUTATION_KINDS["resample"](fixed, Random(0)) is None


def total(choices: dict[str, str]) -> int:
    return sum(int(value) for name, value in choices.items() if name.endswith("conv.channels"))


def test_split_shares_the_width_and_both_are_read() -> None:
    network = streams((8, 16))
    seen = set()
    for mutated in results("split", network):
        choices = mutated.choices
        assert choices["level0.number"] == "3" and total(choices) == 24
        widths = tuple(int(choices[f"level0[{i}].conv.channels"]) for i in range(3))
        seen.add(widths)
        at = 0 if widths == (4, 4, 16) else 1
        for key in ("conv.dilation", "edges"):
            assert choices[f"level0[{at}].{key}"] == choices[f"level0[{at + 1}].{key}"]
        expected = "f0 + level0[2]" if at == 0 else "f0 + level0[1] + level0[2]"
        assert choices["level1[0].edges"] == expected
        assert choices["level1[1].edges"] == ("level0[0] + level0[1]" if at == 0 else "level0[0]")
    assert seen == {(4, 4, 16), (8, 8, 8)}


def test_an_uneven_width_is_split_as_evenly_as_options_allow() -> None:
    (first, *_) = results("split", streams((24,)), 1)
    assert sorted(int(first.choices[f"level0[{i}].conv.channels"]) for i in range(2)) == [8, 16]


def test_merge_adds_widths_and_reads_what_both_read() -> None:
    network = streams((8, 16, 8))
    seen = set()
    for mutated in results("merge", network):
        choices = mutated.choices
        assert choices["level0.number"] == "2" and total(choices) == 32
        widths = tuple(int(choices[f"level0[{i}].conv.channels"]) for i in range(2))
        at = widths.index(24)
        assert set(choices[f"level0[{at}].edges"].split(" + ")) == {"r0", "f0"}
        seen.add((widths, choices[f"level0[{at}].conv.dilation"]))
        assert choices["level1[0].edges"] == f"f0 + level0[{at if at == 0 else 1}]"
        assert choices["level1[1].edges"] == "level0[0] + level0[1]"
    assert seen == {(w, d) for w in ((24, 8), (8, 24)) for d in "12"}


def test_split_and_merge_are_of_widths_only() -> None:
    network = (number("s.stack", 2, 4), *(option(f"s.stack[{i}].conv.dilation", "2", "1", "2", "4") for i in range(2)))
    assert MUTATION_KINDS["split"](network, Random(0)) is None
    assert MUTATION_KINDS["merge"](network, Random(0)) is None


def kinds(weights: dict[str, float], network: tuple[Decision, ...], draws: int = 200) -> Iterator[str]:
    for seed in range(draws):
        mutated = mutate(network, weights, Random(seed))
        assert mutated is not None
        yield mutated.text.split()[0]


def test_kinds_are_drawn_by_weight_among_those_that_have_a_place() -> None:
    drawn = list(kinds({"resample": 3.0, "edge": 1.0, "insert": 5.0, "jitter": 0.0}, PLAIN, 1000))
    assert set(drawn) == {"resample", "edge"}  # there is no list in it
    assert 700 < drawn.count("resample") < 800
    assert mutate((option("a", "x", "x"),), dict.fromkeys(MUTATIONS, 1.0), Random(0)) is None


def test_the_words_say_what_happened() -> None:
    network = (option("s1.op", "basic(1)", "basic(1)", "skip"),)
    found = mutate(network, {"resample": 1.0}, Random(0))
    assert found is not None and found.text == "resample s1.op: basic(1) -> skip"
    assert {m.text for m in results("edge", (edges("x.edges", "a", "a b"),))} == {"x.edges: +b"}
