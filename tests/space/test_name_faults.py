"""Names that could mean two things: a line, an input or a parameter named like a layer or a block."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.space.test_faults import found
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
