"""What differs between networks and spaces: computed exactly, and nothing where they mean the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import astuple
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import ROOT
from vnasdsl.language.source import Source
from vnasdsl.show.diff import Choosing, Comparison, FileDiff, compare, compare_programs
from vnasdsl.show.diff.as_json import as_object
from vnasdsl.show.diff.model import LineChange, StageChange
from vnasdsl.show.diff.text import _wrapped, as_text
from vnasdsl.space import Program, Space, load, load_source
from vnasdsl.space.shapes import Cost

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


def comparison(text: str, *replacements: tuple[str, str], blocks: Sequence[tuple[str, str]] = ()) -> Comparison:
    """The comparison of a definition with the blocks above, and the same with parts replaced."""
    found = diff(BLOCKS + text, altered(BLOCKS, *blocks) + altered(text, *replacements)).pairs[0]
    assert isinstance(found, Comparison)
    return found


def told(change: LineChange) -> tuple[str, str | None, str | None]:
    return (change.kind, change.before and change.before.text, change.after and change.after.text)


def only_stage(found: Comparison) -> StageChange:
    (stage,) = [stage for stage in found.stages if stage.kind != "affected"]
    return stage


def minus(after: Cost, before: Cost) -> tuple[int, ...]:
    return tuple(b - a for a, b in zip(astuple(before), astuple(after), strict=True))


# ------------------------------------------------------------------ equal meaning


EQUAL: dict[str, Callable[[str], str]] = {
    "layout": lambda t: t.replace("basic(1)", "basic(  1 )").replace("stage s3 {", "# a remark\n\n  stage s3 {\n"),
    "order of definitions": lambda t: "network n" + t.partition("network n")[2] + t.partition("network n")[0],
    "names of parameters": lambda t: t.replace("dilation)", "d)").replace("(dilation, 1, 1)", "(d, 1, 1)"),
    "defaults written out": lambda t: t.replace("conv(channels, 3x1x1)", "conv(channels, 3x1x1, stride=1)"),
    "same written out": lambda t: t.replace("stem(8) }", "stem(8)\nconv(same, 1x1x1)\n}").replace(
        "same, 1x1x1", "8, 1"
    ),
    "values worked out": lambda t: t.replace("head(16, 2)", "head(4 * 4, 2)"),
    "classes as a number": lambda t: t.replace("linear(classes)", "linear(8)"),
    "skip": lambda t: t.replace("basic(2)", "skip\n    basic(2)"),
    "copies": lambda t: t.replace("basic(1)\n    basic(2)", "basic(1)\n    1 * basic(2)"),
    "a line in two": lambda t: t.replace("pool -> dropout(0.2)", "pool\n  dropout(0.2)"),
    "a block in place": lambda t: t.replace(
        "{ stem(8) }", "{\n conv(8, 1x5x5, stride=1x2x2) -> bn -> relu\n conv(8, 3x1x1) -> bn -> relu\n}"
    ),
    "the input by name": lambda t: t.replace("{ stem(8) }", "{ video1 -> stem(8) }").replace("clip", "video1"),
    "a block nobody uses": lambda t: t.replace("block stem", "block bare { relu }\nblock stem"),
    "a recipe": lambda t: t + "\nretrain r for n { epochs = 3 }\n",
}


@pytest.mark.parametrize("change", EQUAL)
def test_equal_meaning_is_no_difference(change: str) -> None:
    before = BLOCKS + NETWORK
    if change == "same written out":
        before = before.replace("stem(8) }", "stem(8)\nconv(same, 1x1x1)\n}")
    after = EQUAL[change](BLOCKS + NETWORK)
    assert after != before
    pair = diff(before, after).pairs[0]
    assert pair.equal, as_text(diff(before, after))
    assert diff(after, before).pairs[0].equal


def test_order_of_options_is_no_difference() -> None:
    assert comparison(SPACE, ("basic(1) | basic(2) | skip", "skip | basic(2) | basic(1)"), ("8 | 16", "16 | 8")).equal


def test_copies_written_out_are_no_difference_in_a_space() -> None:
    one = "(basic(1) | basic(2) | skip)"
    assert comparison(SPACE, (f"3 * {one}", f"2 * {one}\n    {one}")).equal


# -------------------------------------------------------------------------- lines


def test_a_line_put_in_front_is_one_added_line() -> None:
    found = comparison(NETWORK, ("head(16, 2)\n", "basic(4)\n    head(16, 2)\n"))
    stage = only_stage(found)
    assert [told(line) for line in stage.lines] == [("added", None, "basic(4)")]
    added = stage.lines[0].after
    assert added is not None
    assert (added.label, added.outputs) == ("s2.basic", ((8, 8, 16, 16),))
    assert added.cost is not None
    assert minus(found.after.totals.cost, found.before.totals.cost) == astuple(added.cost)


def test_a_line_taken_out() -> None:
    stage = only_stage(comparison(NETWORK, ("basic(2)\n    basic(1)", "basic(1)")))
    assert [told(line) for line in stage.lines] == [("removed", "basic(2)", None)]


def test_a_changed_argument_and_what_follows_from_it() -> None:
    found = comparison(NETWORK, ("head(16, 2)", "head(24, 2)"))
    stage = only_stage(found)
    (line,) = stage.lines
    assert told(line) == ("changed", "head(16, 2)", "head(24, 2)")
    assert [(d.what, d.name, d.before, d.after) for d in line.details] == [("argument", "channels", "16", "24")]
    assert stage.affected == 3
    assert [(s.after.name, s.kind) for s in found.stages if s.after] == [("s2", "changed"), ("s3", "affected")]


def test_a_changed_argument_in_a_chain_names_its_layer() -> None:
    (line,) = only_stage(comparison(NETWORK, ("dropout(0.2)", "dropout(0.5)"))).lines
    assert [(d.name, d.before, d.after) for d in line.details] == [("dropout.share", "0.2", "0.5")]


def test_same_and_a_number_are_alike_only_behind_the_same_channels() -> None:
    text = NETWORK.replace("    basic(2)", "    conv(same, 1x1x1)")
    assert comparison(text, ("conv(same, 1x1x1)", "conv(16, 1x1x1)")).equal
    found = comparison(text, ("conv(same, 1x1x1)", "conv(16, 1x1x1)"), ("head(16, 2)", "head(24, 2)"))
    assert [told(line)[1] for line in only_stage(found).lines] == ["head(16, 2)", "conv(same, 1x1x1)"]


def test_a_line_of_skip_is_no_line() -> None:
    found = comparison(NETWORK, ("basic(2)", "skip\n    basic(4)"))
    assert [told(line) for line in only_stage(found).lines] == [("changed", "basic(2)", "basic(4)")]


def test_a_body_in_a_stage_is_compared_line_by_line() -> None:
    body = "residual {\n conv(same, 3) -> bn\n relu\n conv(same, 1)\n}"
    text = NETWORK.replace("    basic(2)", body)
    (line,) = only_stage(comparison(text, ("conv(same, 1)", "conv(same, 3)"))).lines
    assert [told(inner) for inner in line.inside] == [("changed", "conv(same, 1)", "conv(same, 3)")]
    assert line.before is not None
    assert line.before.text == "residual { conv(same, 3) -> bn; relu; conv(same, 1) }"
    assert line.inside[0].before is not None
    assert line.inside[0].before.outputs == ((16, 8, 8, 8),)


def test_lines_without_stages() -> None:
    text = "network n {\n input clip = video(frames=4, size=8, classes=2)\n clip -> conv(4, 1)\n pool -> linear(2)\n}"
    found = comparison(text, ("conv(4, 1)\n", "conv(4, 1)\n bn\n"))
    assert [told(line) for line in only_stage(found).lines] == [("added", None, "bn")]
    staged = comparison(text, ("clip -> conv(4, 1)", "stage s1 { conv(4, 1) }"))
    assert sorted(stage.kind for stage in staged.stages) == ["added", "changed"]
    check_sums(staged)


def test_a_label_is_a_difference_because_weights_are_named_by_it() -> None:
    (line,) = only_stage(comparison(NETWORK, ("basic(2)", "mid = basic(2)"))).lines
    assert [(d.what, d.before, d.after) for d in line.details] == [("label", "s2.basic2", "s2.mid")]


def test_a_layer_replaced_by_another_is_removed_and_added() -> None:
    found = comparison(NETWORK, ("basic(2)", "unit(3x3x3)"))
    assert [told(line) for line in only_stage(found).lines] == [
        ("removed", "basic(2)", None),
        ("added", None, "unit(3x3x3)"),
    ]


def test_copies_and_options() -> None:
    found = comparison(SPACE, ("3 * (basic(1) | basic(2) | skip)", "4 * (basic(1) | basic(4) | skip)"))
    (line,) = only_stage(found).lines
    assert [(d.what, d.name, d.before, d.after) for d in line.details] == [
        ("copies", "copies", "3", "4"),
        ("option", "op", "basic(2)", None),
        ("option", "op", None, "basic(4)"),
    ]
    assert (found.before.totals.size, found.after.totals.size) == (2 * 3**3, 2 * 3**4)
    assert line.before and line.after
    assert (line.before.size, line.after.size) == (27, 81)


def test_options_of_a_value_and_an_argument_beside_them() -> None:
    (line,) = only_stage(comparison(SPACE, ("head(8 | 16, 2)", "head(16 | 24, 2)"))).lines
    assert [(d.name, d.before, d.after) for d in line.details] == [("channels", "8", None), ("channels", None, "24")]
    (line,) = only_stage(comparison(SPACE, ("head(8 | 16, 2)", "head(8 | 16, 1)"))).lines
    assert [(d.name, d.before, d.after) for d in line.details] == [("stride", "2", "1")]


# -------------------------------------------------------- inputs, limits and stages


def test_input_and_limits() -> None:
    found = comparison(SPACE, ("frames=8, size=32", "frames=16, size=32, frame_stride=2"))
    assert [(c.name, c.before, c.after) for c in found.inputs] == [("frames", "8", "16"), ("frame_stride", "1", "2")]
    assert {s.kind for s in found.stages} == {"affected"}
    limited = SPACE.replace("  pool", "  require macs <= 3M\n  pool")
    found = comparison(limited, ("require macs <= 3M", "require params <= 20K\n  require macs <= 4M"))
    assert [(c.name, c.before, c.after) for c in found.limits] == [
        ("macs", "macs <= 3M", "macs <= 4M"),
        ("params", None, "params <= 20K"),
    ]
    assert comparison(limited, ("macs <= 3M", "macs <= 3000000")).equal


def test_stages_added_removed_renamed_and_moved() -> None:
    third = "  stage s3 { head(32, 2) }\n"
    found = comparison(NETWORK, (third, ""))
    assert only_stage(found).kind == "removed"
    assert [told(line) for line in only_stage(found).lines] == [("removed", "head(32, 2)", None)]
    added = diff(BLOCKS + NETWORK.replace(third, ""), BLOCKS + NETWORK).pairs[0]
    assert isinstance(added, Comparison)
    assert only_stage(added).kind == "added"
    found = comparison(NETWORK, ("stage s3", "stage late"))
    assert only_stage(found).kind == "renamed"
    assert not only_stage(found).lines
    found = comparison(NETWORK, (third, ""), ("  stage s2", third + "  stage s2"))
    moved = [stage for stage in found.stages if stage.kind == "moved"]
    assert len(moved) == 1
    assert not moved[0].lines


# ------------------------------------------------------------------------- blocks


def test_a_changed_block_is_told_once_with_its_uses() -> None:
    found = comparison(NETWORK, blocks=[("conv(same, 3x1x1, dil", "conv(same, 5x1x1, dil")])
    (block,) = found.blocks
    assert (block.kind, block.before, block.uses) == ("changed", "basic(dilation)", (("s2", 3),))
    (line,) = block.lines
    assert [told(inner)[0] for inner in line.inside] == ["changed"]
    assert {stage.kind for stage in found.stages} == {"affected"}
    assert found.stages[0].affected == 3


def test_a_block_in_a_block_is_told_where_it_changed() -> None:
    found = comparison(NETWORK, blocks=[("conv(same, kernel) -> bn -> relu", "conv(same, kernel) -> bn")])
    assert [(b.before, b.uses) for b in found.blocks] == [("unit(kernel)", (("s2", 3),))]


def test_a_block_changed_for_some_values_only() -> None:
    found = comparison(NETWORK, blocks=[("dilation=(dilation, 1, 1)", "dilation=(dilation * dilation, 1, 1)")])
    assert [b.before for b in found.blocks] == ["basic(dilation)"]


def test_a_renamed_block() -> None:
    found = comparison(NETWORK, ("basic(", "plain("), blocks=[("block basic", "block plain")])
    assert [(b.kind, b.before, b.after) for b in found.blocks] == [("renamed", "basic(dilation)", "plain(dilation)")]
    assert not found.stages
    changed = [("block basic", "block plain"), ("unit(1x3x3)", "unit(1x5x5)")]
    assert not comparison(NETWORK, ("basic(", "plain("), blocks=changed).equal


def test_a_new_parameter_with_a_default_is_no_difference_until_it_is_used() -> None:
    more = [("block basic(dilation)", "block basic(dilation, kernel=1x3x3)"), ("unit(1x3x3)", "unit(kernel)")]
    assert comparison(NETWORK, blocks=more).equal
    (line,) = only_stage(comparison(NETWORK, ("basic(2)", "basic(2, kernel=1x5x5)"), blocks=more)).lines
    assert told(line) == ("changed", "basic(2)", "basic(2, kernel=1x5x5)")


def test_blocks_of_a_file_without_definitions() -> None:
    found = diff(BLOCKS, altered(BLOCKS, ("same, kernel", "same, kernel, stride=1"), ("block stem", "block start")))
    kinds = [(b.kind, b.before or b.after) for b in found.blocks]
    assert kinds == [("removed", "stem(channels)"), ("changed", "unit(kernel)"), ("added", "start(channels)")]
    assert diff(BLOCKS, altered(BLOCKS, ("channels", "c"))).equal


# -------------------------------------------------------------- files of several


def test_several_definitions_are_compared_by_name() -> None:
    before = BLOCKS + NETWORK + NETWORK.replace("network n", "network gone") + SPACE
    after = BLOCKS + SPACE + NETWORK.replace("head(32, 2)", "head(40, 2)") + NETWORK.replace("network n", "network m")
    found = diff(before, after)
    assert [d.name for d in found.removed] == ["gone"]
    assert [d.name for d in found.added] == ["m"]
    assert {pair.before.name: pair.equal for pair in found.pairs} == {"n": False, "s": True}


# ---------------------------------------------------------------- what was chosen


def test_what_was_chosen() -> None:
    space, network = load(ROOT / "spaces" / "x3d3.vns").get(), load(ROOT / "spaces" / "x3d3_k400.vns").get()
    for pair in (compare(space, network), compare(network, space)):
        assert isinstance(pair, Choosing)
        assert {c.name: c.option for c in pair.chosen} == network.choices_in(space)
        assert pair.departure is None
        assert not pair.equal


def test_where_a_network_leaves_a_space() -> None:
    network = NETWORK.replace("  stage s3 { head(32, 2) }\n", "")
    pair = diff(BLOCKS + SPACE, BLOCKS + network.replace("basic(2)", "basic(3)")).pairs[0]
    assert isinstance(pair, Choosing)
    assert pair.departure is not None
    assert pair.departure.text == "basic(3)"
    assert "s2" in pair.departure.message


# ------------------------------------------------------------------- it all adds up


@cache
def tiny() -> Space:
    return load(ROOT / "spaces" / "tiny.vns").get()


def check_sums(found: Comparison) -> None:
    """Stages add up to the totals, and changed and affected lines to their stage."""
    stages = [0, 0]
    for stage in found.stages:
        sides = [side.cost if side else Cost() for side in (stage.before, stage.after)]
        change = sides[1].macs_min - sides[0].macs_min, sides[1].params_min - sides[0].params_min
        stages = [a + b for a, b in zip(stages, change, strict=True)]
        lines = [
            stage.affected_after.macs_min - stage.affected_before.macs_min,
            stage.affected_after.params_min - stage.affected_before.params_min,
        ]
        for line in stage.lines:
            for side, sign in ((line.before, -1), (line.after, 1)):
                if side is not None and side.cost is not None:
                    lines[0] += sign * side.cost.macs_min
                    lines[1] += sign * side.cost.params_min
        assert tuple(lines) == change
    a, b = found.before.totals.cost, found.after.totals.cost
    assert stages == [b.macs_min - a.macs_min, b.params_min - a.params_min]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=30)
def test_networks_of_a_space(first: int, second: int) -> None:
    chosen = [tiny().sample(Random(seed)) for seed in (first, second)]
    a, b = (tiny().choose(made) for made in chosen)
    found, back = compare(a, b), compare(b, a)
    assert isinstance(found, Comparison)
    assert isinstance(back, Comparison)
    alike = [(r.operation, r.attributes) for r in a.layers()] == [(r.operation, r.attributes) for r in b.layers()]
    assert found.equal == back.equal == alike
    check_sums(found)
    check_sums(back)
    assert [(s.after, s.before) for s in back.stages] == [(s.before, s.after) for s in found.stages]
    assert compare(a, a).equal
    text = as_text(FileDiff("a", "b", (found,)))
    assert all(len(line) <= 100 for line in text.split("\n"))
    assert as_object(FileDiff("a", "b", (found,)))["equal"] == alike


def test_sums_with_stages_and_blocks_changed() -> None:
    check_sums(comparison(NETWORK, ("head(16, 2)", "head(24, 2)"), ("stage s3", "stage s4"), ("basic(2)", "unit(1)")))
    check_sums(comparison(NETWORK, ("basic(2)\n", ""), blocks=[("unit(1x3x3)", "unit(1x5x5)")]))


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


def test_a_long_network() -> None:
    body = "\n".join(f"    basic({1 + i % 3})" for i in range(1000))
    text = BLOCKS + NETWORK.replace("    basic(1)\n    basic(2)\n    basic(1)", body)
    found = diff(text, text.replace("head(16, 2)\n", "head(16, 2)\n    basic(4)\n")).pairs[0]
    assert isinstance(found, Comparison)
    assert [told(line) for line in only_stage(found).lines] == [("added", None, "basic(4)")]
