"""The scanner finds the tokens that the grammar defines."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import ROOT
from vnasdsl.language.lexer import KEYWORDS, grammar, lex
from vnasdsl.language.source import Source

PARTS = [
    "1x3",
    "1e-4",
    "0.5",
    "1..2",
    "2ms",
    "20G",
    "1_0",
    "_a",
    "ifx",
    "->",
    "//",
    "<=",
    '"',
    "\\",
    "'",
    "#",
    "\r",
    "\n",
]
FILES = [*(ROOT / "spaces").glob("*.vns"), *Path(__file__).parent.rglob("*.vns")]


def same(text: str) -> None:
    found = [(token.type, token.span.start, token.span.end) for token in lex(Source("x", text))]
    assert found == [(t.type, t.start_pos, t.end_pos) for t in grammar().lex(text)]


@example("\ufeffimport\ufeff")
@given(st.lists(st.one_of(st.sampled_from([*PARTS, *sorted(KEYWORDS)]), st.text(max_size=3)), max_size=12).map("".join))
def test_any_text_has_the_tokens_that_lark_finds(text: str) -> None:
    same(text)


def test_files_have_the_tokens_that_lark_finds() -> None:
    assert len(FILES) > 20
    for path in FILES:
        same(path.read_text(encoding="utf-8"))
