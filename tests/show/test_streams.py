"""Pictures and comparisons of spaces and networks with named lines."""

from __future__ import annotations

from random import Random

from vnasdsl.elaborate.program import Program, load_source
from vnasdsl.language.source import Source
from vnasdsl.show.diff import compare_programs
from vnasdsl.show.diff.outline import Choosing, Comparison, FileDiff
from vnasdsl.show.draw.network import network_picture
from vnasdsl.show.draw.picture import Picture

TEXT = """\
block op { none | skip | conv(same, 1x3x3) }
tied block cell(a, b, c) {
  p = a -> conv(c, 1x1x1)
  q = b -> conv(c, 1x1x1)
  h = sum(pick 1 of [p -> op, q -> op])
  out concat(h, q)
}
space made {
  input clip = video(frames=2, size=4, classes=3)
  s = conv(4, 1x1x1)
  c1 = cell(s, s, 4)
  c2 = cell(s, c1, 4 | 6)
  last = concat(c1, c2) -> relu
  pool -> linear(classes)
}
search made_search for made { strategy = evolution }
"""


def read(text: str) -> Program:
    return load_source(Source("made.vns", text), None)


def compared(new: str) -> FileDiff:
    return compare_programs(read(TEXT), read(new))


def lines(picture: Picture) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in picture.edges if edge.source}


def test_every_line_is_a_box_with_arrows_from_what_it_reads() -> None:
    picture = network_picture(read(TEXT).get())
    name = {node.id: node.texts[0].content for node in picture.nodes}
    main = {(name[a], name[b]) for a, b in lines(picture) if "block" not in a}
    assert main == {
        ("clip", "s"),
        ("s", "c1"),
        ("s", "c2"),
        ("c1", "c2"),
        ("c1", "last"),
        ("c2", "last"),
        ("last", "pool"),
        ("pool", "linear(classes)"),
    }
    said = {node.texts[0].content: [text.content for text in node.texts] for node in picture.nodes}
    assert "cell(s, c1, 4 | 6)" in said["c2"]


def test_a_block_with_inputs_is_drawn_below_with_its_lines() -> None:
    picture = network_picture(read(TEXT).get())
    (title,) = {node.group for node in picture.nodes if "block" in node.id and node.texts[0].content == "p"}
    assert title == "cell(s, s, 4)"
    name = {node.id: node.texts[0].content for node in picture.nodes if node.group == title}
    below = {
        (name[edge.source], name[edge.target]) for edge in (*picture.edges, *picture.hidden) if edge.source in name
    }
    assert ("h", "concat") in below and ("q", "concat") in below and ("p", "concat") not in below
    assert any(text.content == "Σ of 1 of 2" for node in picture.nodes for text in node.texts)
    said = [text.content for node in picture.nodes for text in node.texts]
    assert {"skip", "conv(same, 1x3x3)"} <= {text.removeprefix("| ") for text in said}


def test_other_words_for_the_same_space_are_no_difference() -> None:
    assert compared(TEXT.replace("concat(c1, c2) -> relu", "concat(\n  c1,\n  c2,\n) -> relu")).equal


def test_a_line_that_reads_another_line_is_the_change() -> None:
    (pair,) = compared(TEXT.replace("cell(s, c1, 4 | 6)", "cell(c1, c1, 4 | 6)")).compared
    assert isinstance(pair, Comparison)
    (stage,) = pair.changes
    (line,) = [line for line in stage.inside if line.change == "changed"]
    assert line.before is not None and line.before.text == "c2 = cell(s, c1, 4 | 6)"
    assert line.after is not None and line.after.text == "c2 = cell(c1, c1, 4 | 6)"


def test_another_number_of_edges_is_told_with_the_block() -> None:
    (pair,) = compared(TEXT.replace("pick 1 of", "pick 1..2 of")).compared
    assert isinstance(pair, Comparison)
    block, *_ = pair.changes
    assert block.after is not None and block.after.text == "tied cell(a, b, c)"
    (line,) = block.inside
    assert line.before is not None and line.before.text == "h = sum(pick 1 of [p -> op, q -> op])"
    (untied,) = compared(TEXT.replace("tied block", "block")).compared
    assert isinstance(untied, Comparison) and (untied.changes[0].what, untied.changes[0].change) == ("block", "changed")


def test_what_was_chosen_of_a_space_with_cells() -> None:
    space = read(TEXT).get()
    made = space.complete({}, Random(4))
    network = load_source(Source("child.vns", space.network(made, name="child").text()), None)
    (pair,) = compare_programs(read(TEXT), network).compared
    assert isinstance(pair, Choosing) and pair.departure is None
    chosen = {one.name: one.option for one in pair.chosen}
    again = space.network(chosen, name="child")
    assert again.params == network.get().params
