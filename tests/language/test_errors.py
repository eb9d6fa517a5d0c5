"""What wrong texts give, in full: `errors/NAME.vns` gives `errors/NAME.txt`, which `--update-goldens` writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnasdsl.elaborate.program import examine
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.files import read_source
from vnasdsl.language.parser import parse, parse_expression
from vnasdsl.language.render import render
from vnasdsl.language.source import Source

FOLDER = Path(__file__).parent / "errors"
CASES = sorted(path.stem for path in FOLDER.glob("*.vns"))


def faults(text: str) -> list[tuple[int, str, str]]:
    """Line, code and message of every fault of a file's text."""
    with pytest.raises(VnsError) as caught:
        parse(Source("x.vns", text))
    found = caught.value.diagnostics
    return [(d.primary.span.line if d.primary else 0, d.code, d.message) for d in found]


@pytest.mark.parametrize("name", CASES)
def test_rendered_faults(name: str, request: pytest.FixtureRequest) -> None:
    text = read_source(FOLDER / f"{name}.vns").text
    with pytest.raises(VnsError) as caught:
        parse(Source(f"{name}.vns", text))
    got = render(caught.value.diagnostics) + "\n"
    golden = FOLDER / f"{name}.txt"
    if request.config.getoption("--update-goldens"):
        golden.write_text(got, encoding="utf-8")
    assert got == golden.read_text(encoding="utf-8")


# One wrong statement each, with the code of the one fault it must give.
WRONG_LINES = {
    "conv(32 32)": "E0101",
    "conv(32": "E0104",
    "x = =": "E0101",
    "a -> | b": "E0101",
    "x = [1, 2)": "E0104",
    "x = 3 / 4": "E0101",
    "stage { skip }": "E0101",
    "stage out { skip }": "E0101",
    "x = 'a'": "E0101",
    'x = "a': "E0104",
    "a; b": "E0101",
    "3conv(4)": "E0101",
    "require macs": "E0101",
    "x = a if b": "E0101",
    "pick 3 [a]": "E0101",
    "residual { a b }": "E0101",
    "f(g(h(1, 2), [3, 4 5]), 6)": "E0101",
    "== 3": "E0101",
    "é": "E0101",
}


@given(st.data())
def test_every_seeded_fault_is_found_and_no_other(data: st.DataObject) -> None:
    lines = (Path(__file__).parent / "texts" / "x3d3.vns").read_text(encoding="utf-8").splitlines()
    inside = [i for i, line in enumerate(lines) if line.startswith(("  stage", "    head", "    conv", "  head"))]
    places = sorted(data.draw(st.lists(st.sampled_from(inside), unique=True, max_size=5, min_size=1)), reverse=True)
    seeded = [(place, data.draw(st.sampled_from(sorted(WRONG_LINES)))) for place in places]
    for place, wrong in seeded:
        lines.insert(place, wrong)
    got = [(line, code) for line, code, _ in faults("\n".join(lines))]
    count = len(seeded)
    assert got == [(place + count - i, WRONG_LINES[wrong]) for i, (place, wrong) in enumerate(seeded)][::-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a layer or a value, found the end of the text"),
        ("a b", "expected `->`, `|` or the end of the text, found `b`"),
        ("a\nb", "expected the end of the text, found the end of the line"),
        ("x = 3", "expected `->`, `|` or the end of the text, found `=`"),
        ("f(", "this `(` is never closed"),
        ("f)", "expected the end of the text, found `)`"),
        ("a -> stage", "`stage` is a keyword and cannot be a name"),
        ("1x", "`1x` is not a size"),
        ("basic(1)|", "expected a layer or a value, found the end of the text"),
    ],
)
def test_faults_of_single_expressions(text: str, message: str) -> None:
    with pytest.raises(VnsError) as caught:
        parse_expression(Source("--set", text))
    assert [d.message for d in caught.value.diagnostics] == [message]


def test_a_word_split_over_definitions_does_not_hide_later_ones() -> None:
    text = "block a(x {\n  skip\n}\n\nspace s {\n  a ->\n}\n\nnetwork n s {\n  skip\n}\n\nblock c { 1 2 }\n"
    assert [(line, code) for line, code, _ in faults(text)] == [
        (1, "E0104"),
        (6, "E0101"),
        (9, "E0101"),
        (13, "E0101"),
    ]


def test_faults_come_in_order_once_and_counted() -> None:
    found = faults("block b {\n" + "  a b\n" * 25 + "}\n")
    assert [line for line, _, _ in found] == [*range(2, 27)]


def test_a_statement_keyword_ends_an_open_parenthesis() -> None:
    text = "space s {\n  x = f(a,\n  stage s1 { g(1 2) }\n  ) -> bn\n  a b\n}\n"
    assert [(line, code) for line, code, _ in faults(text)] == [(2, "E0104"), (3, "E0101"), (4, "E0101"), (5, "E0101")]


@pytest.mark.parametrize(
    "inner",
    ["block b(c) { conv(c, 1x3x3) }", "tied block b(c) {\n    conv(c, 1x3x3)\n  }", 'import "x.vns"', "space t { }"],
)
def test_a_definition_inside_of_another_is_one_fault(inner: str) -> None:
    begin = "space s {\n  input clip = video(frames=8, size=32)\n"
    text = f"{begin}  {inner}\n  stage s1 {{ b(8) }}\n  pool -> linear(classes)\n}}\n"
    _, found = examine(Source("inner.vns", text), None)
    assert [(d.code, d.primary.span.line if d.primary else 0) for d in found] == [("E0101", 3)]
    assert "inside another definition" in found[0].message
