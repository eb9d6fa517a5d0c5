"""Texts that once made the language fall over or take minutes: each with what is said about it now."""

from __future__ import annotations

import random

import pytest

from tests.safety.test_bounds import net
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.options import MOST_HANDED
from vnasdsl.elaborate.program import examine, load_source
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source
from vnasdsl.space.elements import LayerCall, LayerChoice, Many

UNIT = "block unit(c, k) { conv(c, (1, k, k)) -> bn -> relu }\n"
EVOLVED = "search n_search for n { strategy = evolution }\n"


def codes(text: str) -> list[str]:
    _, found = examine(Source("x.vns", text), None)
    return [d.code for d in found if d.severity == "error"]


def read(text: str) -> Space:
    return load_source(Source("x.vns", text), None).get()


def test_a_choice_in_the_body_of_a_layer_that_is_handed_on_is_made() -> None:
    """It was left open, and the call was closed again and again."""
    text = "block twice(l) { l -> l }\n" + net("twice(residual { squeeze_excite(0.25..1.0) })") + EVOLVED
    space = read(text)
    made = space.complete({}, random.Random(1))
    assert len(made) == 1
    assert space.network(made).text().count(f"squeeze_excite({next(iter(made.values()))})") >= 1


def test_how_many_a_pick_takes_is_no_argument_of_the_block_that_it_is_handed_to() -> None:
    text = "block once(a) { a -> relu }\n" + net(
        "w = conv(4, 1x1x1)", "v = relu", "once(w -> sum(pick 1..2 of [w, v]))"
    )
    space = read(text + EVOLVED)
    assert [choice.kind for choice in space.choices] == ["edges"]
    assert space.size == 3


def test_a_layer_handed_to_a_block_may_use_the_same_block() -> None:
    text = "block twice(l) {\n  l\n  l\n}\n" + net("conv(4, 1x1x1)", "twice(twice(twice(bn)))")
    assert read(text).params[0] == 3 * 4 + 8 * 2 * 4 + 5 * 3
    assert codes("block twice(l) { l(l) }\n" + net("twice(twice)")) == ["E0207"]


def test_a_way_to_close_a_call_that_makes_no_sense_is_told() -> None:
    text = "block worse(c, k) { conv(c // k, 1x1x1) -> squeeze_excite(0.0..1.0) }\n"
    assert codes(text + net("worse(4..8, 0..600)") + EVOLVED) == ["E0307"]


def test_what_is_handed_on_again_and_again_is_bounded() -> None:
    """Every block hands on twice what it was handed."""
    blocks = ["block t0(l) { l }"] + [f"block t{i}(l) {{ t{i - 1}(l -> l) }}" for i in range(1, 60)]
    assert codes("\n".join(blocks) + "\n" + net("t59(relu)")) == ["E0502"]
    assert codes("\n".join(blocks) + "\n" + net("t7(relu)")) == []
    assert MOST_HANDED < 2**60


def test_lists_of_many_lengths_are_gone_through_once_for_each_place() -> None:
    space = read(UNIT + net("level = [1..150 * unit(4, 1)]", "concat(level) -> unit(4, 1)") + EVOLVED)
    assert [choice.name for choice in space.choices] == ["level.number"]
    space = read(UNIT + net("level = [1..120 * (unit(4, 1) | unit(4, 3))]", "mean(level) -> unit(4, 1)") + EVOLVED)
    assert len(space.choices) == 121
    assert codes(UNIT + net("level = [1..1000 * unit(4, 1)]", "concat(level) -> unit(4, 1)") + EVOLVED) == ["E0502"]
    assert space.size == sum(2**n for n in range(1, 121))


def test_choices_that_share_their_parts_are_named_at_each_place() -> None:
    space = read(UNIT + net("2 * (unit(same, 1 | 3) | relu)"))
    assert [choice.name for choice in space.choices] == [
        f"stack[{i}].{name}" for i in range(2) for name in ("op", "unit.k")
    ]


@pytest.mark.parametrize(
    "line",
    [
        "sum(pick 1..1000 of [1000 * unit(4, 1)])",
        f"sum({', '.join(f'({k}..{k + 2}) * relu' for k in range(120))})",
    ],
)
def test_more_shapes_than_can_come_together(line: str) -> None:
    assert codes(UNIT + net("unit(4, 1)", line) + EVOLVED) == ["E0509"]


def test_what_comes_out_of_a_tied_block_must_not_depend_on_its_choices() -> None:
    """Where other choices depend on it, the networks are not counted."""
    block = "tied block cell(a) { (a -> relu | a -> conv(4, 1x1x1, stride=1x2x2)) }\n"
    when = "(relu | bn) if rows > 4 else (relu | bn | hardswish)"
    text = block + net("w = conv(4, 1x1x1)", "cell(w)", when) + EVOLVED
    assert read(text).size_text() == "not counted (choices depend on each other)"


def test_elements_know_whether_they_hold_choices() -> None:
    from vnasdsl.space.parts import has_choices

    space = read(net("conv(4, 1x1x1)", "relu | bn", "sum([2 * relu])"))
    flat = [item for segment in space.segments for item in segment.body.items]
    found = {type(item): has_choices(item) for item in flat}
    assert found[LayerChoice] is True and found[LayerCall] is False
    assert not any(has_choices(item) for item in flat if isinstance(item, Many))


def test_what_may_be_left_out_is_asked_once_for_each_part() -> None:
    """Blocks that use the one before four times: without keeping answers this takes 4^30 questions."""
    from vnasdsl.space.reads import surely_reads

    tower = ["block t0(a) { a -> relu }"]
    tower += [f"block t{i}(a) {{ (sum(a, t{i - 1}(a)) | sum(a, t{i - 1}(a) -> bn)) }}" for i in range(1, 10)]
    text = "\n".join(tower) + "\n" + net("w = conv(4, 1x1x1)", "t9(w)") + EVOLVED
    assert codes(text) in ([], ["E0502"])
    space = read("\n".join(tower[:6]) + "\n" + net("w = conv(4, 1x1x1)", "t5(w)") + EVOLVED)
    line = space.segments[0].body.lines[1][0]
    assert surely_reads(line) == {"w"}
    assert surely_reads(line) is surely_reads(line)


def test_a_supernet_has_the_layers_of_every_number_of_copies() -> None:
    nested = "(1..2) * (" * 10 + "relu" + ")" * 10
    assert codes(net("conv(4, 1x1x1)", nested) + EVOLVED.replace("evolution", "gradient")) == ["E0502"]
    assert codes(net("conv(4, 1x1x1)", nested) + EVOLVED) == []
    assert codes(net("conv(4, 1x1x1)", "(1..2) * (" * 5 + "relu" + ")" * 5)) == []


def test_reading_a_network_ends_after_so_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists in lists that every block makes twice: there are more ways to take them apart than can be tried."""
    from vnasdsl.network import reading

    blocks = ["block t0 { relu | skip }"] + [f"block t{i} {{ [t{i - 1}, t{i - 1}] }}" for i in range(1, 4)]
    space = read("\n".join(blocks) + "\n" + net("conv(4, 1x1x1)", "sum(t3)") + EVOLVED)
    network = space.network({c.name: c.options[0] for c in space.choices})
    assert space.network(network.choices_in(space)).macs == network.macs
    monkeypatch.setattr(reading, "MOST_STEPS", 3)
    with pytest.raises(VnsError, match="could not decide whether"):
        network.choices_in(space)


def test_two_long_lists_of_the_same_choices_are_read_in_bounded_work() -> None:
    block = "block b(d) { residual { conv(same, 1x3x3, dilation=(1, d, d)) -> bn } }\n"
    stage = "stage a {{ conv(4, 1x1x1)\n {}\n {} }}"
    choices = "(0..300) * (b(1) | b(2) | skip)"
    space = "space s {\n input clip = video(frames=2, size=8, classes=3)\n" + stage.format(choices, choices) + "\n"
    network = "network n : s {\n input clip = video(frames=2, size=8, classes=3)\n"
    network += stage.format("200 * b(1)", "200 * b(2)") + "\n"
    end = "pool -> linear(classes)\n}\n"
    _, found = examine(Source("s.vns", f"{block}{space}{end}{network}{end}"), None)
    assert [d.message.partition(" whether")[0] for d in found] == ["could not decide"]
