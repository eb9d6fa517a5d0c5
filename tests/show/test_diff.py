"""What differs between networks and spaces: nothing where they mean the same, and figures that add up."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import ROOT, shipped, shipped_space
from vnasdsl.elaborate import Program, Space, load, load_source
from vnasdsl.language.source import Source
from vnasdsl.show.diff import Choosing, Comparison, FileDiff, compare, compare_programs
from vnasdsl.show.diff.compare import align
from vnasdsl.show.diff.outline import Change, Item, Side
from vnasdsl.show.diff.text import _wrapped, as_text, canonical
from vnasdsl.space.ways import Cost

BLOCKS = """
block stem(channels) {
  conv(channels, 1x5x5, stride=1x2x2) -> bn -> relu
  conv(channels, 3x1x1) -> bn -> relu
}
block head(channels, stride) { conv(channels, 1x3x3, stride=(1, stride, stride)) -> bn -> relu }
block unit(kernel) { conv(same, kernel) -> bn -> relu }
block basic(dilation) {
  residual {
    unit(1x3x3)
    conv(same, 3x1x1, dilation=(dilation, 1, 1)) -> bn -> relu
  }
}
"""
NETWORK = """
network n {
  input clip = video(frames=8, size=32, classes=8)
  stage s1 { stem(8) }
  stage s2 {
    head(16, 2)
    basic(1)
    basic(2)
    basic(1)
  }
  stage s3 { head(32, 2) }
  pool -> dropout(0.2) -> linear(classes)
}
"""
SPACE = """
space s {
  input clip = video(frames=8, size=32, classes=8)
  stage s1 { stem(8) }
  stage s2 {
    head(8 | 16, 2)
    3 * (basic(1) | basic(2) | skip)
  }
  pool -> dropout(0.2) -> linear(classes)
}
"""


def program(text: str) -> Program:
    return load_source(Source("text.vns", text), None)


def altered(text: str, *replacements: tuple[str, str]) -> str:
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text


def diff(before: str, after: str) -> FileDiff:
    return compare_programs(program(before), program(after))


def comparison(text: str, *replacements: tuple[str, str], blocks: tuple[tuple[str, str], ...] = ()) -> Comparison:
    """The comparison of a definition with the blocks above, and the same with parts replaced."""
    found = diff(BLOCKS + text, altered(BLOCKS, *blocks) + altered(text, *replacements)).compared[0]
    assert isinstance(found, Comparison)
    return found


Told = tuple[str, str | None, str | None]


def told(changes: tuple[Change, ...]) -> list[Told]:
    """Changes of text: what happened, before and after."""
    sides = ((c, c.before and c.before.text, c.after and c.after.text) for c in changes if c.change != "affected")
    return [(c.change, before, after) for c, before, after in sides]


def lines(found: Comparison) -> list[Told]:
    """The changed lines of the only stage that has any."""
    (stage,) = [each for each in found.changes if each.what == "stage" and each.change != "affected"]
    return told(stage.inside)


def gain(before: Side | None, after: Side | None) -> tuple[int, int]:
    """The MACs and parameters that one side has more."""
    old, new = (side.cost if side and side.cost else Cost() for side in (before, after))
    return new.macs_min - old.macs_min, new.params_min - old.params_min


def check_sums(found: Comparison) -> None:
    """Stages add up to the totals, and lines to their stage."""

    def total(changes: tuple[Change, ...]) -> tuple[int, ...]:
        return tuple(map(sum, zip((0, 0), *(gain(c.before, c.after) for c in changes), strict=True)))

    stages = tuple(change for change in found.changes if change.what == "stage")
    for stage in stages:
        assert total(stage.inside) == gain(stage.before, stage.after)
    a, b = found.before.cost, found.after.cost
    assert a is not None and b is not None
    assert total(stages) == (b.macs_min - a.macs_min, b.params_min - a.params_min)


# ------------------------------------------------------------------ equal meaning


EQUAL: dict[str, Callable[[str], str]] = {
    "layout": lambda t: t.replace("basic(1)", "basic(  1 )").replace("stage s3 {", "# a remark\n\n  stage s3 {\n"),
    "order of definitions": lambda t: "network n" + t.partition("network n")[2] + t.partition("network n")[0],
    "names of parameters": lambda t: t.replace("dilation)", "d)").replace("(dilation, 1, 1)", "(d, 1, 1)"),
    "defaults written out": lambda t: t.replace("conv(channels, 3x1x1)", "conv(channels, 3x1x1, stride=1)"),
    "values worked out": lambda t: t.replace("head(16, 2)", "head(4 * 4, 2)"),
    "classes as a number": lambda t: t.replace("linear(classes)", "linear(8)"),
    "skip": lambda t: t.replace("basic(2)", "skip\n    basic(2)"),
    "copies": lambda t: t.replace("basic(1)\n    basic(2)", "basic(1)\n    1 * basic(2)"),
    "a line in two": lambda t: t.replace("pool -> dropout(0.2)", "pool\n  dropout(0.2)"),
    "a block in place": lambda t: t.replace(
        "{ stem(8) }", "{\n conv(8, 1x5x5, stride=1x2x2) -> bn -> relu\n conv(8, 3x1x1) -> bn -> relu\n}"
    ),
    "a renamed block": lambda t: t.replace("basic", "plain"),
    "the input by name": lambda t: t.replace("{ stem(8) }", "{ video1 -> stem(8) }").replace("clip", "video1"),
    "a recipe": lambda t: t + "\nretrain r for n { epochs = 3 }\n",
}


@pytest.mark.parametrize("change", EQUAL)
def test_networks_with_the_same_layers_are_no_difference(change: str) -> None:
    before = BLOCKS + NETWORK
    after = EQUAL[change](before)
    assert after != before
    assert diff(before, after).compared[0].equal, as_text(diff(before, after))
    assert diff(after, before).compared[0].equal


def test_spaces_that_mean_the_same_are_no_difference() -> None:
    assert comparison(SPACE, ("basic(1) | basic(2) | skip", "skip | basic(2) | basic(1)"), ("8 | 16", "16 | 8")).equal
    assert comparison(SPACE, ("head(8 | 16, 2)", "head(stride=2, channels=8 | 16)")).equal
    text = BLOCKS + SPACE
    assert diff(text, "space s" + text.partition("space s")[2] + "# a remark\n" + text.partition("space s")[0]).equal


# -------------------------------------------------------------------------- lines


def test_an_inserted_line_is_one_added_line() -> None:
    found = comparison(NETWORK, ("head(16, 2)\n", "basic(4)\n    head(16, 2)\n"))
    assert lines(found) == [("added", None, "basic(4)")]
    added = found.changes[0].inside[0].after
    assert added is not None
    assert added.outputs == ((8, 8, 16, 16),)
    check_sums(found)


def test_lines_taken_out_changed_and_replaced() -> None:
    assert lines(comparison(NETWORK, ("basic(2)\n    basic(1)", "basic(1)"))) == [("removed", "basic(2)", None)]
    assert lines(comparison(NETWORK, ("basic(2)", "skip\n    basic(4)"))) == [("changed", "basic(2)", "basic(4)")]
    assert lines(comparison(NETWORK, ("basic(2)", "unit(3x3x3)"))) == [
        ("removed", "basic(2)", None),
        ("added", None, "unit(3x3x3)"),
    ]


def test_a_changed_argument_and_what_follows_from_it() -> None:
    found = comparison(NETWORK, ("head(16, 2)", "head(24, 2)"))
    assert lines(found) == [("changed", "head(16, 2)", "head(24, 2)")]
    names = [(stage.after.text, stage.change) for stage in found.changes if stage.after]
    assert names == [("s2", "changed"), ("s3", "affected")]
    assert [line.change for line in found.changes[0].inside] == ["changed", "affected", "affected", "affected"]
    assert "      3 unchanged lines: +" in as_text(FileDiff("a", "b", compared=(found,)))


def test_a_body_in_a_stage_is_compared_line_by_line() -> None:
    body = "residual {\n conv(same, 3) -> bn\n relu\n conv(same, 1)\n}"
    text = NETWORK.replace("    basic(2)", body)
    found = comparison(text, ("conv(same, 1)", "conv(same, 3)"))
    (line,) = found.changes[0].inside
    assert told(line.inside) == [("changed", "conv(same, 1)", "conv(same, 3)")]
    assert line.before and line.inside[0].before
    assert line.before.text == "residual { conv(same, 3) -> bn; relu; conv(same, 1) }"
    assert line.inside[0].before.outputs == ((16, 8, 8, 8),)
    assert "    ~ residual { ... }\n" in as_text(FileDiff("a", "b", compared=(found,)))


def test_lines_without_stages() -> None:
    text = "network n {\n input clip = video(frames=4, size=8, classes=2)\n clip -> conv(4, 1)\n pool -> linear(2)\n}"
    assert lines(comparison(text, ("conv(4, 1)\n", "conv(4, 1)\n bn\n"))) == [("added", None, "bn")]
    check_sums(comparison(text, ("clip -> conv(4, 1)", "stage s1 { conv(4, 1) -> bn }")))


def test_copies_and_options() -> None:
    old, new = "3 * (basic(1) | basic(2) | skip)", "4 * (basic(1) | basic(4) | skip)"
    found = comparison(SPACE, (old, new))
    assert lines(found) == [("changed", old, new)]
    assert (found.before.size, found.after.size) == (2 * 3**3, 2 * 3**4)
    line = found.changes[0].inside[0]
    assert line.before and line.after
    assert (line.before.size, line.after.size) == (27, 81)


def test_slow_is_slowfast_without_its_fast_pathway() -> None:
    """Every line of the slow pathway is compared with its own, and the others are gone."""
    found = compare(shipped("zoo/slowfast").get(), shipped("zoo/slow").get())
    assert isinstance(found, Comparison)
    changed = [str(before).split()[0] for change, before, _ in lines(found) if change == "changed"]
    assert changed == ["slow1", "slow2", "slow3", "slow4", "slow5", "concat(slow5"]
    gone = [str(before).split()[0] for change, before, _ in lines(found) if change == "removed"]
    assert gone == ["fast1", "fast2", "fast3", "fast4", "fast5"]


# ---------------------------------------------------------------------- alignment


def item(text: str) -> Item:
    return Item("line", text, Side(text))


@given(*[st.lists(st.sampled_from(["a 1", "a 2", "b 1", "b 2"]), max_size=9)] * 2)
def test_every_line_occurs_once_and_in_order(a: list[str], b: list[str]) -> None:
    pairs = list(align([*map(item, a)], [*map(item, b)]))
    assert [one.key for one, _ in pairs if one is not None] == a
    assert [other.key for _, other in pairs if other is not None] == b
    assert all(one.words & other.words for one, other in pairs if one and other)


def test_long_lists() -> None:
    random = Random(0)
    left = [item(f"layer{random.randrange(50)}(1)") for _ in range(3000)]
    right = [*left[:100], item("layer(1)"), *left[100:2000], *left[2010:]]
    assert sum(a is b for a, b in align(left, right)) == 2990


# -------------------------------------------------------- inputs, limits and stages


def test_input_and_limits() -> None:
    found = comparison(SPACE, ("frames=8, size=32", "frames=16, size=32, frame_stride=2"))
    assert told(found.changes) == [
        ("changed", "frames=8", "frames=16"),
        ("changed", "frame_stride=1", "frame_stride=2"),
    ]
    limited = SPACE.replace("  pool", "  require macs <= 3M\n  pool")
    found = comparison(limited, ("require macs <= 3M", "require params <= 20K\n  require macs <= 4M"))
    assert told(found.changes) == [("changed", "macs <= 3M", "macs <= 4M"), ("added", None, "params <= 20K")]
    assert comparison(limited, ("macs <= 3M", "macs <= 3000000")).equal


def test_stages_added_removed_and_renamed() -> None:
    third = "  stage s3 { head(32, 2) }\n"
    assert told(comparison(NETWORK, (third, "")).changes) == [("removed", "s3", None)]
    assert lines(comparison(NETWORK, (third, ""))) == [("removed", "head(32, 2)", None)]
    assert told(comparison(SPACE, ("  pool", third + "  pool")).changes) == [("added", None, "s3")]
    renamed = comparison(SPACE, ("stage s2", "stage late"))
    assert told(renamed.changes) == [("changed", "s2", "late")]
    assert not renamed.changes[0].inside


# ------------------------------------------------------------------------- blocks


def test_a_changed_block_is_reported_once() -> None:
    found = comparison(NETWORK, blocks=(("conv(same, kernel) -> bn -> relu", "conv(same, kernel) -> bn"),))
    blocks = tuple(change for change in found.changes if change.what == "block")
    assert [change.after and change.after.text for change in blocks] == ["unit(kernel)"]
    assert told(blocks[0].inside) == [("changed", "conv(same, kernel) -> bn -> relu", "conv(same, kernel) -> bn")]
    assert all(change.change == "affected" for change in found.changes if change.what == "stage")
    check_sums(found)


def test_lines_in_the_braces_of_a_block() -> None:
    found = comparison(NETWORK, blocks=(("unit(1x3x3)", "unit(1x5x5)"),))
    (residual,) = found.changes[0].inside
    assert told(residual.inside) == [("changed", "unit(1x3x3)", "unit(1x5x5)")]


def test_blocks_of_a_file_without_definitions() -> None:
    found = diff(BLOCKS, altered(BLOCKS, ("same, kernel", "same, kernel, stride=2"), ("block stem", "block start")))
    assert told(found.blocks) == [
        ("removed", "stem(channels)", None),
        ("changed", "unit(kernel)", "unit(kernel)"),
        ("added", None, "start(channels)"),
    ]


# -------------------------------------------------------------- files of several


def test_several_definitions_are_compared_by_name() -> None:
    before = BLOCKS + NETWORK + NETWORK.replace("network n", "network gone") + SPACE
    after = BLOCKS + SPACE + NETWORK.replace("head(32, 2)", "head(40, 2)") + NETWORK.replace("network n", "network m")
    found = diff(before, after)
    assert [d.name for d in found.removed] == ["gone"]
    assert [d.name for d in found.added] == ["m"]
    assert {pair.before.name: pair.equal for pair in found.compared} == {"n": False, "s": True}


# ---------------------------------------------------------------- what was chosen


def test_what_was_chosen() -> None:
    space, network = shipped_space("x3d3"), shipped_space("x3d3_k400")
    for pair in (compare(space, network), compare(network, space)):
        assert isinstance(pair, Choosing)
        assert {c.name: c.option for c in pair.chosen} == network.choices_in(space)
        assert pair.departure is None
        assert not pair.equal


def test_where_a_network_leaves_a_space() -> None:
    network = NETWORK.replace("  stage s3 { head(32, 2) }\n", "")
    pair = diff(BLOCKS + SPACE, BLOCKS + network.replace("basic(2)", "basic(3)")).compared[0]
    assert isinstance(pair, Choosing)
    assert pair.departure is not None
    assert pair.departure.text == "basic(3)"
    assert "s2" in pair.departure.message


# ------------------------------------------------------------------- it all adds up


@cache
def tiny() -> Space:
    return shipped_space("tiny")


@given(st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=30)
def test_networks_of_a_space(first: int, second: int) -> None:
    a, b = (tiny().network(tiny().sample(Random(seed))) for seed in (first, second))
    found, back = compare(a, b), compare(b, a)
    assert isinstance(found, Comparison)
    assert isinstance(back, Comparison)
    alike = [(r.operation, r.attributes) for r in a.layers()] == [(r.operation, r.attributes) for r in b.layers()]
    assert found.equal == back.equal == alike
    check_sums(found)
    check_sums(back)
    assert compare(a, a).equal
    whole = FileDiff("a", "b", compared=(found,))
    assert all(len(line) <= 100 for line in as_text(whole).split("\n"))
    assert whole.as_object()["equal"] == alike


def test_sums_with_stages_and_blocks_changed() -> None:
    check_sums(comparison(NETWORK, ("head(16, 2)", "head(24, 2)"), ("stage s3", "stage s4"), ("basic(2)", "unit(1)")))
    check_sums(comparison(NETWORK, ("basic(2)\n", ""), blocks=(("unit(1x3x3)", "unit(1x5x5)"),)))


# ------------------------------------------------------------------- how it reads


def test_colour_is_only_added() -> None:
    found = diff(BLOCKS + NETWORK, BLOCKS + altered(NETWORK, ("basic(2)\n", ""), ("head(32, 2)", "head(40, 2)")))
    colored = as_text(found, color=True)
    assert "\x1b[31m    - basic(2)\x1b[0m" in colored
    assert re.sub(r"\x1b\[\d+m", "", colored) == as_text(found)


def test_a_number_keeps_its_magnitude_where_a_line_is_broken() -> None:
    for shift in range(40):
        line = f"{'x' * (60 + shift)} -183.04 M greatest MACs (-13.2%), -14.56 K greatest parameters, 2 048 networks"
        parts = list(_wrapped(line, "  "))
        assert " ".join(part.strip() for part in parts) == line
        assert not any(part.endswith(("183.04", "14.56", "-2", " 2")) for part in parts)


def test_large_changes_are_factors_and_removed_lines_have_no_share() -> None:
    text = as_text(diff(BLOCKS + NETWORK, BLOCKS + NETWORK.replace("head(32, 2)", "head(3200, 2)")))
    assert "(x 100)" in text
    text = as_text(diff(BLOCKS + NETWORK, BLOCKS + NETWORK.replace("  stage s3 { head(32, 2) }\n", "")))
    assert "- stage s3\n    out 32 x 8x4x4; -589.82 K MACs, -4.67 K parameters\n" in text


def test_long_lists_of_options_are_counted() -> None:
    text = as_text(FileDiff("a", "b", compared=(compare(shipped_space("evanet"), shipped_space("evanet_a")),)))
    assert "op      single(width, flat)  of 4 options\n" in text
    assert "kernel  3  of 1 | 3 | 5 | 7 | 9 | 11\n" in text
    assert max(map(len, text.split("\n"))) <= 100


def test_a_space_with_too_many_options_to_cost() -> None:
    file = ROOT / "spaces" / "tinyvideonet_tiny.vns"
    found = canonical(load(file)).splitlines()
    assert "  pool -> dropout(0.2) -> linear(classes)" in found
    assert "  total: costs not computed" in found
    text = as_text(diff(file.read_text(), file.read_text().replace("dropout(0.2)", "dropout(0.5)")))
    assert "became pool -> dropout(0.5)" in text
    assert "MACs" not in text
