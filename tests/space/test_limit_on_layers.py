"""The limit on layers is one on the layers of a network: the options of a choice are not added up."""

from __future__ import annotations

from tests.support import ROOT
from vnasdsl.elaborate.program import examine
from vnasdsl.language.source import Source


def errors(text: str) -> list[str]:
    _, found = examine(Source("made.vns", text), None)
    return [f"{d.code}: {d.message}" for d in found if d.severity == "error"]


def space(*lines: str) -> str:
    body = "\n  ".join(("input clip = video(frames=8, size=32, classes=10)", *lines, "pool -> linear(classes)"))
    return f"space big {{\n  {body}\n}}\n"


def test_assemblenet_at_the_depth_of_its_101_variant() -> None:
    text = (ROOT / "spaces" / "assemblenet.vns").read_text()
    deep = text.replace("6 | 23", "23")
    assert deep != text
    assert errors(deep) == []


def test_many_copies_below_many_options() -> None:
    blocks = """\
block m(c, d) {
  conv(c, 3x1x1, dilation=(d, 1, 1)) -> bn -> relu
}

block node(c, d) {
  300 * m(c, d)
}

"""
    assert errors(blocks + space("1..4 * node(32 | 64 | 128, 1 | 2 | 4 | 8)")) == []


def test_one_network_with_too_many_layers() -> None:
    lines = ["6000 * (relu | bn)", "2 * (1 | 3000) * relu"]
    assert errors(space(*lines))[0] == "E0502: a network of `big` can have more than 11,000 layers"


def test_too_many_layers_in_all_options_together() -> None:
    block = "block b(c) {\n  conv(c, 1x1x1)\n  10000 * relu\n}\n\n"
    assert errors(block + space("b(1..20)")) == ["E0502: the options of `big` make more than 200,000 layers"]
