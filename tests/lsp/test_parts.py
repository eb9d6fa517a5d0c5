"""Positions, places and robustness of the server's parts, without a process."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from tests.support import ROOT
from vnasdsl.language.source import Source, Span
from vnasdsl.lsp import completion, features, hover, navigation
from vnasdsl.lsp.documents import Documents, analyse
from vnasdsl.lsp.features import offset, position

ENCODINGS = ["utf-8", "utf-16", "utf-32"]


@given(st.text(alphabet="ab\n🎬é", max_size=40), st.sampled_from(ENCODINGS))
def test_positions_go_there_and_back(text: str, encoding: str) -> None:
    source = Source("x", text)
    for place in range(len(text) + 1):
        assert offset(source, position(source, place, encoding), encoding) == place


def test_positions_outside_of_the_text() -> None:
    source = Source("x", "a🎬\nb")
    assert offset(source, types.Position(0, 99), "utf-16") == 2
    assert offset(source, types.Position(9, 0), "utf-16") == 4
    assert [position(Source("x", "a🎬é"), 3, encoding).character for encoding in ENCODINGS] == [7, 4, 3]


def project(folder: Path) -> Documents:
    (folder / "pyproject.toml").write_text("", encoding="utf-8")
    return Documents()


@pytest.mark.parametrize("seed", range(3))
def test_any_text_gets_answers(tmp_path: Path, seed: int) -> None:
    documents = project(tmp_path)
    (tmp_path / "x3d3.vns").write_bytes((ROOT / "spaces" / "x3d3.vns").read_bytes())
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "spaces").glob("*.vns"))]
    chance = random.Random(seed)
    for version in range(12):
        content = chance.choice(texts)[: chance.randrange(200, 1500)]
        place = chance.randrange(len(content))
        noise = chance.choice(["{", "}", "(", ")", "\n", "🎬", "stage ", "search a for b {", 'import "', "|", "=", ","])
        content = content[:place] + noise + content[place + chance.randrange(3) :]
        text = documents.put((tmp_path / "y.vns").as_uri(), content, version)
        analysis = analyse(documents, text)
        everything = Span(text.source, 0, len(content))
        features.diagnostics(documents, analysis, "utf-16")
        features.code_actions(documents, analysis, everything, "utf-16")
        features.inlay_hints(analysis, everything, "utf-16")
        features.formatting(text, "utf-16")
        for _ in range(8):
            place = chance.randrange(len(content) + 1)
            completion.candidates(documents, text, place)
            hover.hover(documents, text, analysis, place)
            navigation.definition(documents, text, place)
