"""Every snippet of the documentation says what the text around it claims."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vnasdsl.elaborate.program import examine
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```vns([^\n]*)\n(.*?)^```", re.M | re.S)
STAGE = """space wrapped {
  input clip = video(frames=8, size=32)
  stage s1 {
    conv(8, 1x3x3)
%s  }
  pool -> linear(classes)
}
"""

SNIPPETS = [
    pytest.param(
        match.group(1).split(), match.group(2), id=f"{page.stem}:{page.read_text()[: match.start()].count(chr(10)) + 1}"
    )
    for page in sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md"])
    if page.name != "errors.md"  # made from the registry of codes, whose examples have tests of their own
    for match in FENCE.finditer(page.read_text(encoding="utf-8"))
]


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) > 8


@pytest.mark.parametrize(("words", "text"), SNIPPETS)
def test_snippet(words: list[str], text: str) -> None:
    """`vns` is a whole file, `vns stage` the lines of a stage, `vns wrong CODE` a file with exactly that fault,
    `vns from FILE` a part of that file."""
    if words[:1] == ["from"]:
        assert text in (ROOT / words[1]).read_text(encoding="utf-8")
        return
    if words[:1] == ["stage"]:
        text = STAGE % "".join(f"    {line}\n" for line in text.splitlines())
    _, found = examine(Source("snippet.vns", text), None)
    expected = words[1:] if words[:1] == ["wrong"] else []
    assert [d.code for d in found] == expected, VnsError(found)
