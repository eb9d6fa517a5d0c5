"""Statements and definitions: their trees, places, and where a line ends."""

from __future__ import annotations

import pytest

from vnasdsl.language import tree
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.parser import parse
from vnasdsl.language.printer import print_module
from vnasdsl.language.source import Source


def read(text: str) -> tuple[tree.Definition, ...]:
    return parse(Source("x.vns", text)).items


def statements(text: str) -> tuple[tree.Statement, ...]:
    (space,) = read(f"space s {{\n{text}\n}}")
    assert isinstance(space, tree.Space)
    return space.body


@pytest.mark.parametrize("text", ["", "\n", " \t\n\n", "# only a comment", "\ufeff", "\r\n# c\r\n"])
def test_an_empty_file_is_an_empty_module(text: str) -> None:
    assert read(text) == ()
    assert print_module(parse(Source("x", text))) == ""


def test_definitions() -> None:
    text = """\
import "a/b.vns"
block stem(c, k=1x3x3) { conv(c, k) }
block plain { skip }
block none() { }
tied block cell(a) {
  out a
}
space s { }
network n { }
network m : s { }
search z for s { weights.lr = 0.1 }
retrain z for s { }
evaluate z for m {
  clips = 10
  crops = 3
}
"""
    items = read(text)
    kinds = [type(item).__name__ for item in items]
    assert kinds == ["Import"] + ["Block"] * 4 + ["Space"] + ["Network"] * 2 + ["Recipe"] * 3
    assert items[0].path.value == "a/b.vns"  # type: ignore[union-attr]
    stem, plain, none, cell = items[1:5]
    assert isinstance(stem, tree.Block) and isinstance(cell, tree.Block) and isinstance(none, tree.Block)
    assert [(p.name, p.default is None) for p in stem.parameters] == [("c", True), ("k", False)]
    assert none.parameters == () and none.body == () and not none.tied
    assert cell.tied and isinstance(cell.body[0], tree.Out)
    assert isinstance(plain, tree.Block) and plain.parameters == ()
    first, second = items[6:8]
    assert isinstance(first, tree.Network) and first.space is None
    assert isinstance(second, tree.Network) and second.space is not None and second.space.id == "s"
    search = items[8]
    assert isinstance(search, tree.Recipe)
    assert (search.kind, search.name, search.target.id) == ("search", "z", "s")
    assert [(entry.key, entry.key_span.text) for entry in search.entries] == [("weights.lr", "weights.lr")]


def test_statements() -> None:
    got = statements(
        "input clip = video(frames=16)\nstage s1 { a }\nx = a -> b\na -> b\nout x\nrequire macs <= 20G\nstage s2 {\n}"
    )
    assert [type(s).__name__ for s in got] == ["Input", "Stage", "Wire", "Line", "Out", "Require", "Stage"]
    require = got[5]
    assert isinstance(require, tree.Require) and require.condition.op == "<="


def test_places() -> None:
    text = "tied block b1(p, q=22) {\n  w1 = a -> b\n}\n\nnetwork n1 : s {\n  stage st { a }\n  input i1 = v(1)\n}"
    module = parse(Source("x", text))
    block, network = module.items
    assert isinstance(block, tree.Block) and isinstance(network, tree.Network) and network.space is not None
    assert module.span.text == text
    assert block.span.text == text.split("\n\n")[0]
    assert block.name_span.text == "b1"
    assert [p.span.text for p in block.parameters] == ["p", "q=22"]
    wire = block.body[0]
    assert isinstance(wire, tree.Wire)
    assert (wire.span.text, wire.name_span.text) == ("w1 = a -> b", "w1")
    assert (wire.span.line, wire.span.column) == (2, 3)
    assert (network.name_span.text, network.space.span.text) == ("n1", "s")
    stage, given = network.body
    assert isinstance(stage, tree.Stage) and isinstance(given, tree.Input)
    assert (stage.span.text, stage.name_span.text) == ("stage st { a }", "st")
    assert (given.span.text, given.name_span.text) == ("input i1 = v(1)", "i1")


def test_a_line_goes_on_around_signs_and_inside_brackets() -> None:
    same = [
        "x = f(a, b) -> c | d\ny",
        "x = f(\n  a,\n  b\n) -> c | d\ny",
        "x =\n  f(a, b)\n    -> c\n    | d\ny",
        "x = f(a, b) ->\n c |\n d\ny",
        "\n\nx = f(a, # one\n\n# two\nb) -> c | d # three\n\n# four\n\ny\n\n",
    ]
    expected = statements(same[0])
    assert len(expected) == 2
    for text in same:
        assert statements(text) == expected


def test_a_line_that_could_go_on_but_does_not() -> None:
    assert [type(s).__name__ for s in statements("a\n-b\n(c)\n[d]")] == ["Line"] * 4


def test_line_ends_count_again_inside_braces_inside_parentheses() -> None:
    (line,) = statements("f(residual {\n a\n b\n}, g=residual { c })")
    assert isinstance(line, tree.Line) and isinstance(line.value, tree.Call)
    first, second = (argument.value for argument in line.value.arguments)
    assert isinstance(first, tree.Call) and first.body is not None and len(first.body) == 2
    assert isinstance(second, tree.Call) and second.body is not None and len(second.body) == 1


def test_braces_may_stand_on_lines_of_their_own() -> None:
    assert read("space s\n{\n  stage s1\n  {\n    a\n  }\n}") == read("space s { stage s1 { a } }")


@pytest.mark.parametrize(
    "word", ["search", "retrain", "evaluate", "macs", "same", "x", "true", "video", "ifx", "blocks", "outer"]
)
def test_few_words_are_reserved(word: str) -> None:
    (wire,) = statements(f"{word} = {word}({word}={word})")
    assert isinstance(wire, tree.Wire) and wire.name == word


@pytest.mark.parametrize("word", "block space network stage input require import pick of tied out for if else".split())
def test_reserved_words_are_no_names(word: str) -> None:
    with pytest.raises(VnsError):
        statements(f"x = {word}")


def test_two_definitions_need_two_lines() -> None:
    with pytest.raises(VnsError, match="end of the line"):
        read("space s { } space t { }")
