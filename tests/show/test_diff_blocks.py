"""Differences of blocks, of files with several definitions, and between a space and what was chosen of it."""

from __future__ import annotations

from tests.show.diffs import BLOCKS, NETWORK, SPACE, altered, comparison, diff, only_stage, told
from tests.support import shipped, shipped_space
from vnasdsl.show.diff import Choosing, Comparison, FileDiff, compare
from vnasdsl.show.diff.model import BlockUse
from vnasdsl.show.diff.text import as_text

# ------------------------------------------------------------------------- blocks


def test_a_changed_block_is_reported_once_with_its_uses() -> None:
    found = comparison(NETWORK, blocks=[("conv(same, 3x1x1, dil", "conv(same, 5x1x1, dil")])
    (block,) = found.blocks
    assert (block.change, block.before, block.uses) == ("changed", "basic(dilation)", (BlockUse("s2", 3),))
    (line,) = block.lines
    assert [told(inner)[0] for inner in line.inside] == ["changed"]
    assert {stage.change for stage in found.stages} == {"affected"}
    assert found.stages[0].affected.lines == 3


def test_a_block_in_a_block_is_reported_where_it_changed() -> None:
    found = comparison(NETWORK, blocks=[("conv(same, kernel) -> bn -> relu", "conv(same, kernel) -> bn")])
    assert [(b.before, b.uses) for b in found.blocks] == [("unit(kernel)", (BlockUse("s2", 3),))]


def test_a_block_changed_for_some_values_only() -> None:
    found = comparison(NETWORK, blocks=[("dilation=(dilation, 1, 1)", "dilation=(dilation * dilation, 1, 1)")])
    assert [b.before for b in found.blocks] == ["basic(dilation)"]


def test_a_renamed_block() -> None:
    found = comparison(NETWORK, ("basic(", "plain("), blocks=[("block basic", "block plain")])
    assert [(b.change, b.before, b.after) for b in found.blocks] == [("renamed", "basic(dilation)", "plain(dilation)")]
    assert not found.stages
    changed = [("block basic", "block plain"), ("unit(1x3x3)", "unit(1x5x5)")]
    assert not comparison(NETWORK, ("basic(", "plain("), blocks=changed).equal


def test_a_new_parameter_with_a_default_is_no_difference_until_it_is_used() -> None:
    more = [("block basic(dilation)", "block basic(dilation, kernel=1x3x3)"), ("unit(1x3x3)", "unit(kernel)")]
    assert comparison(NETWORK, blocks=more).equal
    (line,) = only_stage(comparison(NETWORK, ("basic(2)", "basic(2, kernel=1x5x5)"), blocks=more)).lines
    assert told(line) == ("changed", "basic(2)", "basic(2, kernel=1x5x5)")


def test_a_new_parameter_before_others_leaves_them_their_names() -> None:
    more = [("block basic(dilation)", "block basic(time, dilation)"), ("unit(1x3x3)", "unit((time, 3, 3))")]
    found = comparison(NETWORK, ("basic(", "basic(3, "), blocks=more)
    (block,) = found.blocks
    assert (block.before, block.after) == ("basic(dilation)", "basic(time, dilation)")
    (residual,) = block.lines
    assert [told(line) for line in residual.inside] == [("changed", "unit(1x3x3)", "unit((time, 3, 3))")]


def test_slow_is_slowfast_without_its_fast_pathway() -> None:
    """Every line of the slow pathway is compared with its own, and the others are gone."""
    found = compare(shipped("zoo/slowfast").get(), shipped("zoo/slow").get())
    (stage,) = found.stages
    assert not found.blocks
    changed = [told(line)[1].split()[0] for line in stage.lines if line.change == "changed"]
    assert changed == ["slow1", "slow2", "slow3", "slow4", "slow5", "concat(slow5"]
    gone = [told(line)[1].split()[0] for line in stage.lines if line.change == "removed"]
    assert gone == ["fast1", "fast2", "fast3", "fast4", "fast5"]


def test_blocks_of_a_file_without_definitions() -> None:
    found = diff(BLOCKS, altered(BLOCKS, ("same, kernel", "same, kernel, stride=1"), ("block stem", "block start")))
    kinds = [(b.change, b.before or b.after) for b in found.blocks]
    assert kinds == [("removed", "stem(channels)"), ("changed", "unit(kernel)"), ("added", "start(channels)")]
    assert diff(BLOCKS, altered(BLOCKS, ("channels", "c"))).equal


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


# ------------------------------------------------------------------- how it reads


def test_what_the_line_shows_is_not_repeated() -> None:
    found = comparison(SPACE, ("head(8 | 16, 2)", "head(24 | 32, 2)"), ("3 * (basic", "30 * (basic"))
    text = as_text(FileDiff("a", "b", compared=(found,)))
    assert "~ head(8 | 16, 2) -> head(24 | 32, 2)\n        out 8 | 16 x 8x8x8 -> 24 | 32 x 8x8x8; MACs" in text
    assert "copies 3 -> 30" in text


def test_a_default_made_from_another_parameter_is_not_an_argument() -> None:
    blocks = [("block head(channels, stride)", "block head(channels, stride, inner=channels)")]
    text = BLOCKS.replace(*blocks[0]) + NETWORK
    (pair,) = diff(text, text.replace("head(16, 2)", "head(24, 2)")).compared
    assert isinstance(pair, Comparison)
    (line,) = only_stage(pair).lines
    assert [(d.name, d.before, d.after) for d in line.details] == [("channels", "16", "24")]


def test_large_changes_are_factors_and_removed_lines_have_no_share() -> None:
    text = as_text(diff(BLOCKS + NETWORK, BLOCKS + NETWORK.replace("head(32, 2)", "head(3200, 2)")))
    assert "(x 100)" in text
    text = as_text(diff(BLOCKS + NETWORK, BLOCKS + NETWORK.replace("  stage s3 { head(32, 2) }\n", "")))
    assert "- stage s3: out 32 x 8x4x4; -589.82 K MACs, -4.67 K parameters\n" in text


def test_long_lists_of_options_are_counted() -> None:
    text = as_text(FileDiff("a", "b", compared=(compare(shipped_space("evanet"), shipped_space("evanet_a")),)))
    assert "op      single(width, flat)  of 4 options\n" in text
    assert "kernel  3  of 1 | 3 | 5 | 7 | 9 | 11\n" in text
    assert max(map(len, text.split("\n"))) <= 100
