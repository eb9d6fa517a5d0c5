"""Names that could mean two things: a line, an input or a parameter named like a layer or a block."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.space.test_faults import found
from vnasdsl.codegen.outputs import compile_space
from vnasdsl.elaborate import load
from vnasdsl.language.diagnostics import Diagnostic

NET = """\
network small {{
  input clip = video(frames=8, size=32, classes=10)
  {lines}
  pool -> linear(classes)
}}
"""


def faults(folder: Path, text: str) -> list[Diagnostic]:
    return [d for d in found(folder, text) if d.severity == "error"]


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("skip = conv(8, 1x3x3)\n  2 * (conv(same, 3x1x1) | skip)", "skip"),
        ("relu = conv(8, 1x3x3)\n  conv(8, 3x1x1) -> bn -> relu", "relu"),
        ("stage s1 { bn = conv(8, 1x3x3) }\n  conv(8, 3x1x1) -> bn", "bn"),
        ("conv(8, 1x3x3)\n  residual { pool = conv(same, 1x3x3) }", "pool"),
    ],
)
def test_a_line_with_the_name_of_a_layer(tmp_path: Path, lines: str, name: str) -> None:
    first, *_ = faults(tmp_path, NET.format(lines=lines))
    assert first.code == "E0203"
    assert first.message == f"the line `{name}` has the name of a layer"
    assert first.primary is not None and first.primary.span.text == name


@pytest.mark.parametrize("kind", ["network", "space"])
def test_an_input_with_the_name_of_a_layer(tmp_path: Path, kind: str) -> None:
    text = NET.format(lines="conv(8, 3x3x3) -> bn").replace("clip", "bn").replace("network", kind)
    assert [d.message for d in faults(tmp_path, text)] == ["the input `bn` has the name of a layer"]


def test_a_parameter_with_the_name_of_a_layer(tmp_path: Path) -> None:
    text = "block b(relu) { conv(8, 3x3x3) -> bn -> relu }\n" + NET.format(lines="b(bn)")
    assert [d.message for d in faults(tmp_path, text)] == ["the parameter `relu` has the name of a layer"]


def test_a_line_with_the_name_of_a_block_names_both(tmp_path: Path) -> None:
    text = "block part { conv(8, 3x3x3) }\n" + NET.format(lines="part = conv(8, 1x1x1)\n  part -> relu")
    (fault,) = faults(tmp_path, text)
    assert fault.code == "E0203"
    assert fault.message == "the line `part` has the name of a block"
    assert [label.span.line for label in fault.secondary] == [1]


@pytest.mark.parametrize("name", ["same", "frames", "true"])
def test_a_line_with_the_name_of_a_value(tmp_path: Path, name: str) -> None:
    (fault,) = faults(tmp_path, NET.format(lines=f"{name} = conv(8, 1x1x1)"))
    assert fault.code == "E0205"
    assert fault.message.startswith(f"`{name}` cannot be the name of a line: it is ")


def test_stages_may_have_the_names_of_layers(tmp_path: Path) -> None:
    """A stage is never read by its name."""
    assert faults(tmp_path, NET.format(lines="stage pool { conv(8, 1x1x1) }")) == []


def messages(folder: Path, text: str) -> list[tuple[str, str, str | None]]:
    return [(d.code, d.message, d.help) for d in found(folder, text)]


def test_a_parameter_that_nothing_reads(tmp_path: Path) -> None:
    text = "block b(width, stride, kernel=3x3x3) { conv(width, kernel) }\n" + NET.format(lines="b(8, 2)")
    ((code, message, _),) = messages(tmp_path, text)
    assert (code, message) == ("W0210", "nothing in `b` reads the parameter `stride`")


def test_parameters_of_a_block_that_is_handed_to_another_may_be_unused(tmp_path: Path) -> None:
    blocks = "block pooled(width) { max_pool(2x2x2) }\nblock use(inner) { inner(8) }\n"
    assert messages(tmp_path, blocks + NET.format(lines="use(pooled)\n  pooled(8)")) == []


def test_a_parameter_of_a_block_with_a_line_that_cannot_be_read_is_not_called_unused(tmp_path: Path) -> None:
    text = "block b(width) {\n  conv(width 3x3x3)\n  relu\n}\n" + NET.format(lines="b(8)")
    assert [code for code, _, _ in messages(tmp_path, text)] == ["E0101"]


def test_a_parameter_that_hides_the_channels_that_come_in(tmp_path: Path) -> None:
    blocks = "block plain(channels) { conv(channels, 3x3x3) }\nblock wide(channels) { conv(2 * channels, 1x1x1) }\n"
    (fault,) = found(tmp_path, blocks + NET.format(lines="plain(8)\n  wide(8)"))
    assert (fault.code, fault.severity) == ("W0211", "warning")
    assert fault.message == "the parameter `channels` hides the channels that come in"
    assert fault.primary is not None and fault.primary.span.line == 2
    assert fault.help == "give the parameter another name, such as `width`"


def test_the_enclosing_block_is_not_suggested(tmp_path: Path) -> None:
    text = "block conv_a { conv_b(8) }\n" + NET.format(lines="conv_a")
    (fault,) = found(tmp_path, text)
    assert fault.code == "E0201"
    assert fault.fix is None or fault.fix.replacement != "conv_a"


def test_arithmetic_with_same_is_written_with_channels(tmp_path: Path) -> None:
    text = "block b(expand) { conv(same * expand, 1x1x1) }\n" + NET.format(lines="b(2)")
    (fault,) = found(tmp_path, text)
    assert (fault.code, fault.message) == ("E0302", "expected a number, found `same`")
    assert fault.help == "arithmetic with the channels that come in is written `channels`, for instance `2 * channels`"


@pytest.mark.parametrize(
    ("line", "help"),
    [
        ("residual { conv(54, 1x3x3) -> conv(same, 3x1x1) }", "`residual(project=auto)`"),
        ("residual { conv(3, 1x3x3, stride=2) }", "`residual(project=auto)`"),
        ("residual { conv(3, 3x3x3, padding=4) }", "keep the size in the body: `padding=same` and no stride"),
        ("sum(conv(3, 1x1x1), conv(4, 1x1x1))", "the same number of channels, for instance with `conv(c, 1x1x1)`"),
        ("sum(conv(3, 1x1x1), conv(3, 1x1x1, stride=2))", "the same strides and padding on every way here"),
        ("pool -> sum(linear(3), linear(4)) -> none", "the same number of features, for instance with `linear`"),
        ("sum(conv(3, 1x1x1), pool)", "`pool` makes a vector of a map"),
        ("concat(conv(3, 1x1x1), pool)", "`pool` makes a vector of a map"),
    ],
)
def test_what_is_said_about_shapes_that_differ(tmp_path: Path, line: str, help: str) -> None:
    first = faults(tmp_path, NET.format(lines=line))[0]
    assert first.code in ("E0402", "E0409")
    assert (
        first.help is not None and first.help.endswith(help) and "`same`" not in first.help.replace("padding=same", "")
    )


WORDY = """
block encoder(over_what) {{ residual {{ layer_norm -> handed_on(over_what) }} }}
block handed_on(over_what) {{ attention(2, over=over_what) -> conv(same, 3x1x1, padding=causal) }}
block mix(inner) {{ residual {{ inner }} }}
{block}
network small {{
  input {input} = video(frames=8, size=32, classes=10)
  {line} = wide(16)
  encoder(spatial) -> mix(attention(2, over=spatial)) -> encoder(temporal)
  sum({line}, skip) -> pool -> linear(classes)
}}
block wide({parameter}) {{ conv({parameter}, 1x4x4, stride=1x4x4) }}
"""


def code(folder: Path, **names: str) -> str:
    plain = {"block": "", "input": "clip", "line": "mine", "parameter": "mine"}
    text = WORDY.format(**plain | names)
    assert found(folder, text) == []
    space = load(folder / "main.vns").get("small")
    return re.sub(r"(?m)^#.*\n", "", compile_space(space, "main.vns")[1])


@pytest.mark.parametrize("word", ["spatial", "causal"])
@pytest.mark.parametrize("what", ["line", "parameter", "input"])
def test_a_word_of_an_argument_is_read_there_alone(tmp_path: Path, word: str, what: str) -> None:
    """A user's name changes nothing but itself, however the word of the same name is handed on."""
    assert code(tmp_path, **{what: word}) == code(tmp_path, **{what: "zebra"}).replace("zebra", word)


def test_a_block_with_the_name_of_a_word(tmp_path: Path) -> None:
    assert code(tmp_path, block="block spatial { conv(4, 1x1x1) }") == code(tmp_path)


def test_a_parameter_hides_the_word_with_a_warning(tmp_path: Path) -> None:
    text = "block b(causal) { conv(8, 3x1x1, padding=causal) }\n" + NET.format(lines="b(same) -> b(valid)")
    (warning,) = found(tmp_path, text)
    assert (warning.code, warning.severity) == ("W0211", "warning")
    assert warning.message == "the parameter `causal` hides the word `causal` of `padding`"


def test_a_parameter_that_is_a_value_may_have_the_name_of_a_layer(tmp_path: Path) -> None:
    text = "block b(scale, shift=2) { conv(8 * scale, 1x1x1, stride=shift) }\n" + NET.format(lines="b(2)")
    assert found(tmp_path, text) == []


@pytest.mark.parametrize("line", ["scale(0.5)", "relu -> scale", "sum(skip, scale)", "b(scale)"])
def test_a_parameter_that_could_be_a_layer_names_both_places(tmp_path: Path, line: str) -> None:
    text = f"block b(x) {{ x -> conv(8, 1x1x1) }}\nblock a(scale) {{ conv(8 * scale, 1x1x1) -> {line} }}\n"
    fault, *_ = faults(tmp_path, text + NET.format(lines="a(2)"))
    assert (fault.code, fault.message) == ("E0203", "the parameter `scale` has the name of a layer")
    assert [label.span.text for label in fault.secondary] == ["scale"]
