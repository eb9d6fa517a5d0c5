"""What differs between networks and spaces: computed exactly, and nothing where they mean the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

import pytest

from tests.show.diffs import BLOCKS, NETWORK, SPACE, check_sums, comparison, diff, minus, only_stage, told
from tests.support import ROOT
from vnasdsl.elaborate import load
from vnasdsl.show.diff import Comparison
from vnasdsl.show.diff.canonical import canonical
from vnasdsl.show.diff.text import as_text

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
    pair = diff(before, after).compared[0]
    assert pair.equal, as_text(diff(before, after))
    assert diff(after, before).compared[0].equal


def test_order_of_options_is_no_difference() -> None:
    assert comparison(SPACE, ("basic(1) | basic(2) | skip", "skip | basic(2) | basic(1)"), ("8 | 16", "16 | 8")).equal


def test_copies_written_out_are_no_difference_in_a_space() -> None:
    one = "(basic(1) | basic(2) | skip)"
    assert comparison(SPACE, (f"3 * {one}", f"2 * {one}\n    {one}")).equal


# -------------------------------------------------------------------------- lines


def test_an_inserted_line_is_one_added_line() -> None:
    found = comparison(NETWORK, ("head(16, 2)\n", "basic(4)\n    head(16, 2)\n"))
    stage = only_stage(found)
    assert [told(line) for line in stage.lines] == [("added", None, "basic(4)")]
    added = stage.lines[0].after
    assert added is not None
    assert (added.label, added.outputs) == ("s2.basic", ((8, 8, 16, 16),))
    assert added.cost is not None
    assert minus(found.after.cost, found.before.cost) == astuple(added.cost)


def test_a_line_taken_out() -> None:
    stage = only_stage(comparison(NETWORK, ("basic(2)\n    basic(1)", "basic(1)")))
    assert [told(line) for line in stage.lines] == [("removed", "basic(2)", None)]


def test_a_changed_argument_and_what_follows_from_it() -> None:
    found = comparison(NETWORK, ("head(16, 2)", "head(24, 2)"))
    stage = only_stage(found)
    (line,) = stage.lines
    assert told(line) == ("changed", "head(16, 2)", "head(24, 2)")
    assert [(d.what, d.name, d.before, d.after) for d in line.details] == [("argument", "channels", "16", "24")]
    assert stage.affected.lines == 3
    assert [(s.after.name, s.change) for s in found.stages if s.after] == [("s2", "changed"), ("s3", "affected")]


def test_a_changed_argument_in_a_chain_names_its_layer() -> None:
    (line,) = only_stage(comparison(NETWORK, ("dropout(0.2)", "dropout(0.5)"))).lines
    assert [(d.name, d.before, d.after) for d in line.details] == [("dropout.share", "0.2", "0.5")]


def test_same_equals_a_number_only_after_the_same_channels() -> None:
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
    assert sorted(stage.change for stage in staged.stages) == ["added", "changed"]
    check_sums(staged)


def test_a_label_is_a_difference_because_weights_are_named_by_it() -> None:
    (line,) = only_stage(comparison(NETWORK, ("basic(2)", "mid = basic(2)"))).lines
    assert [(d.what, d.before, d.after) for d in line.details] == [("label", "s2.basic2", "s2.mid")]


def test_a_replaced_layer_is_removed_and_added() -> None:
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
    assert (found.before.size, found.after.size) == (2 * 3**3, 2 * 3**4)
    assert line.before and line.after
    assert (line.before.size, line.after.size) == (27, 81)


def test_options_of_an_argument() -> None:
    (line,) = only_stage(comparison(SPACE, ("head(8 | 16, 2)", "head(16 | 24, 2)"))).lines
    assert [(d.name, d.before, d.after) for d in line.details] == [("channels", "8", None), ("channels", None, "24")]
    (line,) = only_stage(comparison(SPACE, ("head(8 | 16, 2)", "head(8 | 16, 1)"))).lines
    assert [(d.name, d.before, d.after) for d in line.details] == [("stride", "2", "1")]


# -------------------------------------------------------- inputs, limits and stages


def test_input_and_limits() -> None:
    found = comparison(SPACE, ("frames=8, size=32", "frames=16, size=32, frame_stride=2"))
    assert [(c.name, c.before, c.after) for c in found.input] == [("frames", "8", "16"), ("frame_stride", "1", "2")]
    assert {s.change for s in found.stages} == {"affected"}
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
    assert only_stage(found).change == "removed"
    assert [told(line) for line in only_stage(found).lines] == [("removed", "head(32, 2)", None)]
    added = diff(BLOCKS + NETWORK.replace(third, ""), BLOCKS + NETWORK).compared[0]
    assert isinstance(added, Comparison)
    assert only_stage(added).change == "added"
    found = comparison(NETWORK, ("stage s3", "stage late"))
    assert only_stage(found).change == "renamed"
    assert not only_stage(found).lines
    found = comparison(NETWORK, (third, ""), ("  stage s2", third + "  stage s2"))
    moved = [stage for stage in found.stages if stage.change == "moved"]
    assert len(moved) == 1
    assert not moved[0].lines


# ------------------------------------------------------------- what is not computed


def test_a_space_with_too_many_options_to_cost() -> None:
    program = load(ROOT / "spaces" / "tinyvideonet_tiny.vns")
    lines = canonical(program).splitlines()
    assert "  pool -> dropout(0.2) -> linear(classes)" in lines
    assert "  total: costs not computed" in lines
    source = (ROOT / "spaces" / "tinyvideonet_tiny.vns").read_text()
    text = as_text(diff(source, source.replace("dropout(0.2)", "dropout(0.5)")))
    assert "dropout.share 0.2 -> 0.5" in text
    assert "MACs" not in text
