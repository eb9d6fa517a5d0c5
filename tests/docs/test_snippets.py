"""Every snippet of the documentation says what the text around it claims."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from vnasdsl.elaborate.program import examine
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```vns(?: title=\"([^\"\n]+)\")?\n(.*?)^```", re.M | re.S)
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
        match.group(1) or "", match.group(2), id=f"{page.stem}:{page.read_text()[: match.start()].count(chr(10)) + 1}"
    )
    for page in sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md"])
    if page.name != "errors.md"  # made from the registry of codes, whose examples have tests of their own
    for match in FENCE.finditer(page.read_text(encoding="utf-8"))
]


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) > 8


def test_every_fence_is_known() -> None:
    """The site prints a fence that it does not know raw."""
    pages = [*ROOT.glob("docs/*.md"), ROOT / "README.md"]
    opened = [line for page in pages for line in page.read_text(encoding="utf-8").splitlines() if line[:6] == "```vns"]
    assert not [line for line in opened if not FENCE.match(f"{line}\n```")]


@pytest.mark.parametrize(("title", "text"), SNIPPETS)
def test_snippet(title: str, text: str) -> None:
    """Without a title a snippet is a whole file; a title says what else it is: `inside a stage`, `wrong: CODE` (a file
    with exactly that fault) or the name of the file that it is a part of."""
    if title.startswith("custom: "):
        return  # part of a project: test_custom_layers.py runs it
    if title.endswith(".vns"):
        assert text in (ROOT / title).read_text(encoding="utf-8")
        return
    if title == "inside a stage":
        text = STAGE % "".join(f"    {line}\n" for line in text.splitlines())
    _, found = examine(Source("snippet.vns", text), None)
    expected = [title.removeprefix("wrong: ")] if title.startswith("wrong: ") else []
    assert [d.code for d in found] == expected, VnsError(found)


def test_python_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    pages = [page.read_text(encoding="utf-8") for page in sorted(ROOT.glob("docs/*.md"))]
    texts = re.findall(r"^```python\n(.*?)^```", "\n".join(pages), re.M | re.S)
    assert texts
    for text in texts:
        (tmp_path / "snippet.py").write_text(text, encoding="utf-8")
        runpy.run_path(str(tmp_path / "snippet.py"))
