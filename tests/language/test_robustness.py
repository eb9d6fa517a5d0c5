"""Whatever the text: a tree or a VnsError, within bounds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.files import decode_source, read_source
from vnasdsl.language.format import format_text
from vnasdsl.language.limits import MAX_BYTES, MAX_DEPTH, MAX_DIAGNOSTICS, MAX_TOKENS
from vnasdsl.language.parser import parse, parse_expression
from vnasdsl.language.printer import print_module
from vnasdsl.language.render import render
from vnasdsl.language.source import Source

TEXTS = {path.stem: read_source(path).text for path in sorted((Path(__file__).parent / "texts").glob("*.vns"))}
SNIPPETS = [
    *"(){}[]|=,.:;'\"/\\#*+-<> \n\t@é日\x00\u2028",
    "->", "..", "//", "==", "<=", "block ", "space", "stage ", "if ", "else ", "pick ", "of", "for ", "tied ", "out ",
    "input", "require ", "import ", "3conv", "1x", "1x3x3", "20g", "9" * 30, "1e999", "network n : s {", "name",
]  # fmt: skip


def outcome(text: str) -> str:
    """The canonical text, or the faults as rendered."""
    try:
        module = parse(Source("fuzz", text))
    except VnsError as failure:
        assert 1 <= len(failure.diagnostics) <= MAX_DIAGNOSTICS + 1
        for diagnostic in failure.diagnostics:
            assert diagnostic.primary is None or 0 <= diagnostic.primary.span.start <= len(text)
        render(failure.diagnostics, "concise")
        return render(failure.diagnostics, "full", color=True)
    printed = print_module(module)
    assert parse(Source("again", printed)) == module
    return printed


@given(st.data())
def test_a_mutated_file_gives_a_tree_or_faults(data: st.DataObject) -> None:
    text = TEXTS[data.draw(st.sampled_from(sorted(TEXTS)))]
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.sampled_from([0, 0, 1, 2, 5, 40])))
        text = text[:start] + data.draw(st.sampled_from(["", *SNIPPETS])) + text[end:]
    outcome(text)


@given(st.lists(st.sampled_from([*SNIPPETS, " ", "a", "b", "1"]), max_size=60).map("".join))
def test_any_words_in_any_order_give_a_tree_or_faults(text: str) -> None:
    outcome(text)
    for expression in (text, text.replace("\n", " ")):
        try:
            parse_expression(Source("fuzz", expression))
        except VnsError as failure:
            render(failure.diagnostics)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_source_or_a_fault(data: bytes) -> None:
    try:
        source = decode_source("bytes.vns", data)
    except VnsError as failure:
        assert [d.code for d in failure.diagnostics] == ["E0102"]
        render(failure.diagnostics)
    else:
        outcome(source.text)


N = 5_000
DEEP = {
    "parentheses": "(" * N + "a" + ")" * N,
    "open parentheses": "(" * N,
    "lists": "[" * N + "]" * N,
    "calls": "f(" * N + ")" * N,
    "bodies": "f{" * N + "}" * N,
    "minus signs": "-" * N + "1",
    "picks": "pick 1 of " * N + "a",
    "picks in counts": "pick " * N + "a",
    "conditionals": "a if b < c else " * N + "a",
    "sums": "1+" * N + "1",
    "products": "1*" * N + "1",
    "closing": ")" * N,
    "unknown characters": "@" * N,
    "unknown characters on lines": "@\n" * N,
    "unfinished lines": "a =\n" * N,
    "open strings": '"\n' * N,
}


@pytest.mark.parametrize("name", DEEP)
def test_depth_gives_a_fault_and_not_a_crash(name: str) -> None:
    for text in (DEEP[name], "space s {\n" + DEEP[name] + "\n}"):
        with pytest.raises(VnsError) as caught:
            parse(Source("deep", text))
        assert {d.code for d in caught.value.diagnostics} <= {"E0101", "E0104", "E0108"}
        render(caught.value.diagnostics)


def test_long_and_flat_is_no_depth() -> None:
    options = " | ".join(["a"] * 2000)
    chain = " -> ".join(["a"] * 2000)
    module = parse(Source("wide", f"space s {{\n{options}\n{chain}\n" + "a\n" * 2000 + "}"))
    assert parse(Source("again", print_module(module))) == module


def nested(depth: int) -> dict[str, str]:
    return {
        "calls": "f(x=" * depth + "a" + ")" * depth,
        "bodies": "f { a -> " * depth + "a" + "}" * depth,
        "lists": "[a, " * depth + "a" + "]" * depth,
        "minus signs": "-" * depth + "a",
        "conditionals": "a if b < c else " * depth + "a",
    }


@pytest.mark.parametrize("name", nested(1))
def test_what_is_as_deep_as_allowed_can_be_handled(name: str) -> None:
    depth = MAX_DEPTH - 3 if name != "bodies" else MAX_DEPTH // 2 - 3
    expression = parse_expression(Source("deep", nested(depth)[name]))
    text = f"space s {{\n{nested(depth)[name]}\n}}"
    module = parse(Source("deep", text))
    assert expression == expression and hash(expression) == hash(expression)
    assert parse(Source("again", print_module(module))) == module
    with pytest.raises(VnsError, match="nested"):
        parse_expression(Source("deep", nested(depth * 2 + 10)[name]))
    assert sys.getrecursionlimit() >= 1000


def test_size_is_bounded() -> None:
    for text, what in (("a" * (MAX_BYTES + 1), "characters"), ("a " * (MAX_TOKENS + 1), "words and signs")):
        with pytest.raises(VnsError, match=what) as caught:
            parse(Source("large", text))
        assert [d.code for d in caught.value.diagnostics] == ["E0105"]


def test_a_text_at_its_bound_can_be_laid_out() -> None:
    """Commas and line ends are what a layout adds: they are not counted, so that the text stays within the bound."""
    line = " -> ".join(["max_pool((1, 1, 1), stride=(1, 1, 1))"] * (MAX_TOKENS // 16 - 1))
    text = f"network n {{ {line} }}\n"
    formatted = format_text(text)
    assert formatted.count("\n") > MAX_TOKENS // 64
    assert format_text(formatted) == formatted
