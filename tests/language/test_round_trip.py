"""Printing and parsing are each other's inverse, and the canonical text is stable."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.language import strategies
from tests.language.strategies import Shown, same, shown_expressions, shown_modules
from tests.support import examples
from vnasdsl.language import tree
from vnasdsl.language.files import read_source
from vnasdsl.language.lexer import lex
from vnasdsl.language.parser import parse, parse_expression
from vnasdsl.language.printer import print_expression, print_inline, print_module
from vnasdsl.language.source import Source

TEXTS = sorted((Path(__file__).parent / "texts").glob("*.vns"))


def again(text: str) -> tree.Module:
    return parse(Source("again", text))


@examples(200, quick=8)
@given(shown_modules())
def test_a_printed_module_parses_to_the_same_tree(drawn: Shown) -> None:
    text = print_module(drawn.node)
    assert same(again(text), drawn.node)
    assert print_module(again(text)) == text


@examples(200, quick=8)
@given(shown_expressions())
def test_a_printed_expression_parses_to_the_same_tree(drawn: Shown) -> None:
    for text in (print_expression(drawn.node), print_inline(drawn.node)):
        assert same(parse_expression(Source("again", text)), drawn.node)


def test_a_tree_that_fails_a_test_is_shown_as_a_short_text() -> None:
    """As in the tests above, with a tree whose own `repr` is long."""
    name = tree.Name("a" * 60, span=strategies.NOWHERE)
    chain = tree.Chain((name,) * 2_000, span=strategies.NOWHERE)

    @st.composite
    def long_chains(draw: st.DrawFn) -> Shown:
        return Shown(draw(st.just(chain)), print_inline)

    @settings(database=None, phases=[Phase.generate])
    @given(long_chains())
    def failing(drawn: Shown) -> None:
        assert not same(drawn.node, chain)

    with pytest.raises(AssertionError) as caught:
        failing()
    said = "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert "characters more" in said
    assert len(said) < 10_000 < len(repr(chain))


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
    tokens = list(lex(source, dont_ignore=True))
    assert "".join(token.text for token in tokens) == source.text
    assert any(token.type == "COMMENT" for token in tokens)
