"""Printing and parsing are each other's inverse, and the canonical text is stable."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from tests.language import strategies
from vnasdsl.language import tree
from vnasdsl.language.files import read_source
from vnasdsl.language.lexer import lex
from vnasdsl.language.parser import parse, parse_expression
from vnasdsl.language.printer import print_expression, print_inline, print_module
from vnasdsl.language.source import Source

TEXTS = sorted((Path(__file__).parent / "texts").glob("*.vns"))


def again(text: str) -> tree.Module:
    return parse(Source("again", text))


@given(strategies.modules())
def test_a_printed_module_parses_to_the_same_tree(module: tree.Module) -> None:
    text = print_module(module)
    assert again(text) == module
    assert print_module(again(text)) == text


@given(strategies.expressions(30))
def test_a_printed_expression_parses_to_the_same_tree(expression: tree.Expression) -> None:
    for text in (print_expression(expression), print_inline(expression)):
        assert parse_expression(Source("again", text)) == expression


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_the_five_systems_parse_and_print(path: Path) -> None:
    module = parse(read_source(path))
    text = print_module(module)
    assert again(text) == module
    assert print_module(again(text)) == text
    assert all(len(line) <= 100 for line in text.splitlines())


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_line_ends_byte_order_mark_and_missing_last_line_end_change_nothing(path: Path, line_end: str) -> None:
    source = read_source(path)
    other = Source("other", "\ufeff" + source.text.replace("\n", line_end).rstrip())
    assert parse(other) == parse(source)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_the_lexer_loses_nothing(path: Path) -> None:
    source = read_source(path)
    tokens = lex(source)
    assert "".join(token.text for token in tokens) == source.text
    assert any(token.type == "COMMENT" for token in tokens)
