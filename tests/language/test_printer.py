"""How the canonical text looks."""

from __future__ import annotations

import pytest

from tests.language.strategies import AT
from vnasdsl.language import tree
from vnasdsl.language.parser import parse, parse_expression
from vnasdsl.language.printer import print_expression, print_inline, print_module
from vnasdsl.language.source import Source


def canonical(text: str) -> str:
    return print_module(parse(Source("x", text)))


def number(value: float, unit: str = "") -> str:
    return print_expression(tree.Number(value, unit, **AT))


def test_bodies() -> None:
    long = "conv(" + ", ".join(["argument"] * 7) + ")"
    text = f"""\
import "a.vns"
import "b.vns"

block one {{
  skip
}}

tied block two(a, b=1 | 2) {{
  residual {{ a }}
  residual {{
    a
    b
  }} -> relu
}}

space s {{
  input clip = video(frames=16)
  stage s1 {{ stem(32) }}
  stage s2 {{
    head(48 | 56, 2)
    5 * (a | b)
  }}
  stage a_stage_whose_line_is_longer_than_the_bound {{
    {long}
  }}
  stage empty {{}}
  require macs <= 20G
}}

search z for s {{
  epochs = 70
  weights.lr = 1e-4
}}
"""
    assert canonical(text) == text
    assert canonical(text.replace("\n\n", "\n").replace("  ", "\t")) == text


def test_a_stage_of_one_line_has_at_most_88_columns() -> None:
    for length, lines in ((88, 3), (89, 5)):
        name = "a" * (length - len("  stage s {  }"))
        assert len(canonical(f"space s {{ stage s {{ {name} }} }}").splitlines()) == lines


def test_long_lines_are_broken_at_signs_and_commas() -> None:
    text = """\
space s {
  x = (
    a_layer_with_a_long_name(1)
    | a_layer_with_a_long_name(2)
    | a_layer_with_a_long_name(3)
    | a_layer_with_a_long_name(4)
  )
  5 * (
    a_layer_with_a_long_name(1)
    | a_layer_with_a_long_name(2)
    | a_layer_with_a_long_name(3)
    | a_layer_with_a_long_name(4)
  )
  a_layer_with_a_long_name(
    an_argument_with_a_long_name=1,
    an_argument_with_a_longer_name=2,
    an_argument_with_the_longest_name=3,
  )
  a_layer_with_a_long_name(1)
    -> a_layer_with_a_long_name(2)
    -> a_layer_with_a_long_name(3)
    -> a_layer_with_a_long_name(4)
  x = (
    a_layer_with_a_long_name(1) -> a_layer_with_a_long_name(2)
    if a_parameter_with_a_long_name > 1
    else a_layer_with_a_long_name(3)
  )
}
"""
    assert canonical(text) == text


def test_parentheses_only_where_needed() -> None:
    for text in (
        "5 * (a | b)",
        "(a -> b) * 2",
        "(a | b) -> c",
        "a | (b | c)",
        "(1 + 2) * 3",
        "1 - (2 - 3)",
        "-(1..2)",
        "(-1)..2",
    ):
        printed = print_expression(parse_expression(Source("x", text)))
        assert printed == text.replace("(-1)..2", "-1..2")
    assert print_expression(parse_expression(Source("x", "((a)) | ((b -> c)) | (1)..((2))"))) == "a | b -> c | 1..2"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (16, "", "16"),
        (3500, "", "3500"),
        (20_000_000_000, "", "20G"),
        (1_500_000_000, "", "1500M"),
        (0, "", "0"),
        (40, "ms", "40ms"),
        (1e-05, "", "1e-5"),
        (1e-05, "s", "1e-5s"),
        (1e16, "", "1e16"),
        (0.5, "", "0.5"),
        (2.0, "", "2.0"),
        (10**9, "ms", "1000000000ms"),
    ],
)
def test_numbers_without_a_spelling(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text
    assert parse_expression(Source("x", text)) == tree.Number(value, unit, **AT)


def test_a_spelling_is_kept_only_while_it_says_the_value() -> None:
    assert print_expression(tree.Number(5, "", "5.000", **AT)) == "5.000"
    assert print_expression(tree.Number(5, "", "7", **AT)) == "5"


@pytest.mark.parametrize("value", [-1, float("inf"), float("nan"), -0.5])
def test_numbers_that_no_text_has(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        number(value)


def test_a_string_that_no_text_has() -> None:
    with pytest.raises(ValueError, match="line end"):
        print_expression(tree.String("a\nb", **AT))


def test_inline_expressions() -> None:
    text = " | ".join(["a_long_option"] * 20)
    assert print_inline(parse_expression(Source("x", text))) == text
