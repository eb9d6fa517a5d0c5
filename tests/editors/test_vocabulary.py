"""Every list of words outside of the compiler is the compiler's."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Comment, Error, Keyword, Name, Number, String

from tests.support import ROOT
from vnasdsl import vocabulary
from vnasdsl.language import lexer
from vnasdsl.pygments_lexer import VnsLexer

TEXTS = sorted((ROOT / "spaces").glob("*.vns"))
GRAMMAR = ROOT / "editors" / "vscode" / "syntaxes" / "vns.tmLanguage.json"


def test_keywords_are_those_of_the_grammar() -> None:
    assert set(vocabulary.KEYWORDS) == lexer.KEYWORDS
    words = set(re.findall(r'"([a-z]+)"', (ROOT / "grammar" / "vns.lark").read_text(encoding="utf-8")))
    assert set(vocabulary.KEYWORDS) == words


def test_the_textmate_grammar_is_the_generated_one() -> None:
    build = runpy.run_path(str(ROOT / "editors" / "vscode" / "build.py"))
    assert GRAMMAR.read_text(encoding="utf-8") == build["grammar_text"](), "run editors/vscode/build.py --grammar"


def test_the_documentation_lists_the_same_words() -> None:
    text = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    for title, words in (
        ("Keywords", vocabulary.KEYWORDS),
        ("Recipes", vocabulary.RECIPES),
        ("Values", vocabulary.WORDS),
        ("Layers", vocabulary.LAYERS),
    ):
        (row,) = re.findall(rf"^\| {title} \| (.*) \|$", text, re.MULTILINE)
        assert re.findall(r"`(\w+)`", row) == list(words)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_pygments_reads_every_space(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tokens = list(VnsLexer().get_tokens(text))
    assert "".join(value for _, value in tokens) == text
    assert not [value for kind, value in tokens if kind in Error]


def test_pygments_knows_what_is_what() -> None:
    text = 'block b(c) { conv(same, 1x3x3) }  # 🎬\nsearch f for s { fix = ["a"] }\n'
    kinds = {value: kind for kind, value in VnsLexer().get_tokens(text)}
    assert kinds["block"] in Keyword
    assert kinds["b"] is Name.Class
    assert kinds["conv"] is Name.Builtin
    assert kinds["same"] is Keyword.Constant
    assert kinds["1x3x3"] in Number
    assert kinds["search"] is Keyword.Declaration
    assert kinds["fix"] is Name.Attribute
    assert kinds['"a"'] in String
    assert kinds["# 🎬"] in Comment


def test_pygments_finds_the_lexer() -> None:
    assert isinstance(get_lexer_by_name("vns"), VnsLexer)
    assert isinstance(get_lexer_for_filename("x.vns"), VnsLexer)


def test_the_textmate_grammar_colours_every_word() -> None:
    patterns = json.loads(GRAMMAR.read_text(encoding="utf-8"))["patterns"]
    by_name = {p["name"]: p["match"] for p in patterns if "name" in p and "match" in p}
    for name, words in (
        ("keyword.other.vns", vocabulary.KEYWORDS),
        ("constant.language.vns", vocabulary.WORDS),
        ("support.function.layer.vns", vocabulary.LAYERS),
    ):
        assert all(re.fullmatch(by_name[name], word) for word in words)
        assert not re.fullmatch(by_name[name], "basic")
    assert re.fullmatch(by_name["keyword.operator.vns"], "->")


def textmate(line: str) -> list[tuple[str, str]]:
    """Each piece of a line that gets a colour, with its scope: the first match wins, of several the first pattern."""
    found, at = [], 0
    patterns = [p for p in json.loads(GRAMMAR.read_text(encoding="utf-8"))["patterns"] if "match" in p]
    while True:
        matches = [(m.start(), i, m) for i, p in enumerate(patterns) if (m := re.compile(p["match"]).search(line, at))]
        if not matches:
            return found
        _, number, match = min(matches, key=lambda one: one[:2])
        if "name" in patterns[number]:
            found.append((match[0], patterns[number]["name"].split(".")[1]))
        at = match.end()


def test_digits_inside_names_are_no_numbers() -> None:
    assert textmate("level0 -> n6") == [("->", "operator")]
    assert textmate("sum(r0, stem_2, 8 * n6)") == [("sum", "function"), ("8", "numeric"), ("*", "operator")]
    assert textmate("conv(20, 1x3x3)") == [("conv", "function"), ("20", "numeric"), ("1x3x3", "numeric")]
    assert textmate("macs <= 20G") == [("<=", "operator"), ("20G", "numeric")]
