"""Every kind of expression: what tree it gives, and how tightly it holds together."""

from __future__ import annotations

import pytest

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.parser import parse_expression
from vnasdsl.language.printer import print_expression
from vnasdsl.language.source import Source


def read(text: str) -> tree.Expression:
    return parse_expression(Source("x", text))


def shape(node: tree.Expression) -> str:
    """The tree with every pair of parentheses written out."""
    match node:
        case tree.Chain():
            return "(" + " -> ".join(map(shape, node.items)) + ")"
        case tree.Choice():
            return "(" + " | ".join(map(shape, node.options)) + ")"
        case tree.Binary():
            return f"({shape(node.left)} {node.op} {shape(node.right)})"
        case tree.Compare():
            return f"{shape(node.left)} {node.op} {shape(node.right)}"
        case tree.Conditional():
            return f"({shape(node.then)} if {shape(node.test)} else {shape(node.otherwise)})"
        case tree.Range():
            return f"({shape(node.low)}..{shape(node.high)})"
        case tree.Negative():
            return f"(-{shape(node.operand)})"
        case tree.Pick():
            return f"(pick {shape(node.count)} of {shape(node.pool)})"
    return node.span.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1..6 * branch(width)", "((1..6) * branch(width))"),
        ("5 * (a | b) -> relu", "((5 * (a | b)) -> relu)"),
        ("a | b -> c | d", "(a | (b -> c) | d)"),
        ("a | (b | c)", "(a | (b | c))"),
        ("(a -> b) -> c", "(a -> b -> c)"),
        ("a -> (b -> c)", "(a -> b -> c)"),
        ("a -> (b | c)", "(a -> (b | c))"),
        ("a if n > 1 else b | c", "((a if n > 1 else b) | c)"),
        ("a -> b if n > 1 else c -> d", "((a -> b) if n > 1 else (c -> d))"),
        ("a if n > 1 else b if n > 0 else c", "(a if n > 1 else (b if n > 0 else c))"),
        ("a if n + 1 <= 2 * m else b", "(a if (n + 1) <= (2 * m) else b)"),
        ("a - b - c + d", "(((a - b) - c) + d)"),
        ("a - (b - c)", "(a - (b - c))"),
        ("a + b * c // d", "(a + ((b * c) // d))"),
        ("2 * a..b", "(2 * (a..b))"),
        ("-1..-n", "((-1)..(-n))"),
        ("--a - -b", "((-(-a)) - (-b))"),
        ("pick 2 of [a, b] -> c", "((pick 2 of [a, b]) -> c)"),
        ("pick 1..2 of xs * 2", "((pick (1..2) of xs) * 2)"),
        ("pick 1 of pick 2 of xs", "(pick 1 of (pick 2 of xs))"),
        ("3 * residual { a } -> b", "((3 * residual { a }) -> b)"),
        ("0.0..1.0", "(0.0..1.0)"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert shape(read(text)) == expected
    assert read(print_expression(read(text))) == read(text)
    assert read(expected) == read(text)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("16", 16, ""),
        ("1_000_000", 1_000_000, ""),
        ("007", 7, ""),
        ("0.5", 0.5, ""),
        ("1e-4", 1e-4, ""),
        ("2E+3", 2000.0, ""),
        ("20G", 20_000_000_000, ""),
        ("1.5G", 1_500_000_000, ""),
        ("0.1K", 100, ""),
        ("1.2345K", 1234.5, ""),
        ("1000000T", 10**18, ""),
        ("3M", 3_000_000, ""),
        ("40ms", 40, "ms"),
        ("1.5s", 1.5, "s"),
        ("1e-3s", 1e-3, "s"),
        ("1_0.2_5", 10.25, ""),
        ("1000000000000000000", 10**18, ""),
        ("1e300", 1e300, ""),
        ("1e-999", 0.0, ""),
    ],
)
def test_numbers(text: str, value: float, unit: str) -> None:
    number = read(text)
    assert isinstance(number, tree.Number)
    assert (number.value, number.unit, number.text) == (value, unit, text)
    assert type(number.value) is type(value)
    assert print_expression(number) == text


@pytest.mark.parametrize(
    "text", ["1000000000000000001", "1" * 5000, "2000000T", "1e309", "1x" + "9" * 5000, "1.5e308K"]
)
def test_numbers_out_of_range(text: str) -> None:
    with pytest.raises(VnsError) as caught:
        read(text)
    assert caught.value.diagnostics[0].code in ("E0106", "E0101")


@pytest.mark.parametrize(
    "text",
    ["1__0", "_", "1_", ".5", "5.", "1.5.2", "20g", "1e", "1e5K", "0x10x", "3conv", "1xk", "1x", "20Gi", "1 ms", "5us"],
)
def test_what_is_no_number(text: str) -> None:
    if text == "_":
        assert isinstance(read(text), tree.Name)
        return
    with pytest.raises(VnsError) as caught:
        read(text)
    assert [d.code for d in caught.value.diagnostics] == ["E0101"]


def test_sizes_strings_and_collections() -> None:
    assert read("1x7x7") == tree.Dims((1, 7, 7), span=read("1x7x7").span)
    assert read("3x3").values == (3, 3)  # type: ignore[union-attr]
    assert read(r'"a \"b\" \\ # c"').value == 'a "b" \\ # c'  # type: ignore[union-attr]
    for text, count in (("(s,)", 1), ("(1, s, s)", 3), ("(1, s,)", 2)):
        node = read(text)
        assert isinstance(node, tree.Tuple) and len(node.items) == count
    assert isinstance(read("(s)"), tree.Name)
    for text, count in (("[]", 0), ("[a]", 1), ("[a, b,]", 2)):
        node = read(text)
        assert isinstance(node, tree.List) and len(node.items) == count


def test_calls() -> None:
    call = read("conv(32, 1x3x3, stride=2, f=a | b,)")
    assert isinstance(call, tree.Call)
    assert [argument.name for argument in call.arguments] == [None, None, "stride", "f"]
    assert isinstance(call.arguments[-1].value, tree.Choice)
    assert call.body is None
    assert read("relu()") != read("relu")
    body = read("residual(project=true) {\n  a\n  x = b -> c\n}")
    assert isinstance(body, tree.Call) and body.body is not None
    assert [type(statement) for statement in body.body] == [tree.Line, tree.Wire]
    empty = read("residual { }")
    assert isinstance(empty, tree.Call) and empty.body == () and empty.arguments == ()


def test_equal_trees_whatever_the_layout_and_the_spelling_of_numbers() -> None:
    assert read("conv(1_000,\n 2K) -> # comment\n bn") == read("conv(1K, 2000)->bn")
    assert read("a\n  | b\n  | c") == read("a|b|c")
    assert read("(\n  a\n  | b\n)") == read("a | b")
    assert read("f(residual {\n a\n b\n}, 3)") == read("f(residual { a\n b }, 3)")


def test_places() -> None:
    text = "conv(a1, stride=22) -> (x | y) -> -z"
    chain = read(text)
    assert isinstance(chain, tree.Chain)
    call, choice, negative = chain.items
    assert isinstance(call, tree.Call) and call.function_span is not None
    assert chain.span.text == text
    assert call.span.text == "conv(a1, stride=22)"
    assert call.function_span.text == "conv"
    assert [argument.span.text for argument in call.arguments] == ["a1", "stride=22"]
    assert call.arguments[1].value.span.text == "22"
    assert choice.span.text == "(x | y)"
    assert negative.span.text == "-z"


def test_places_count_code_points() -> None:
    node = read('"日本 \U0001f600" -> x')
    assert isinstance(node, tree.Chain)
    assert node.items[0].span.text == '"日本 \U0001f600"'
    assert (node.items[1].span.line, node.items[1].span.column) == (1, 11)
