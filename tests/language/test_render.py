"""Diagnostics as text: underlines stand under what they mean, whatever the line holds."""

from __future__ import annotations

import re

import pytest

from vnasdsl.language.diagnostics import Diagnostic, Fix, Label
from vnasdsl.language.render import LINE_WIDTH, render
from vnasdsl.language.source import Source, Span
from vnasdsl.language.visible import columns, visible

SOURCE = Source("spaces/x.vns", "block b {\n  bsic(1) -> bn\n\n\n  wide(3)\n}\n" + "#\n" * 8 + "last(1)")


def label(text: str, words: str = "", source: Source = SOURCE) -> Label:
    start = source.text.index(text)
    return Label(Span(source, start, start + len(text)), words)


def test_everything_a_diagnostic_can_hold() -> None:
    other = Source("other.vns", "space s {\n}\n")
    diagnostic = Diagnostic(
        "E0201",
        "unknown layer or block `bsic`",
        label("bsic", "not known"),
        secondary=(label("wide", "this one is"), label("last(1)"), label("s {", "used here", other)),
        notes=("a note", "of two\nlines"),
        help="did you mean `basic`?",
    )
    assert (
        render([diagnostic])
        == """\
error[E0201]: unknown layer or block `bsic`
  --> spaces/x.vns:2:3
   |
 2 |   bsic(1) -> bn
   |   ^^^^ not known
...
 5 |   wide(3)
   |   ---- this one is
...
15 | last(1)
   | -------
   |
  ::: other.vns:1:7
   |
 1 | space s {
   |       --- used here
   |
   = note: a note
   = note: of two
           lines
   = help: did you mean `basic`?"""
    )
    assert render([diagnostic], "concise") == "spaces/x.vns:2:3: error[E0201]: unknown layer or block `bsic`"


def test_several_diagnostics_and_warnings() -> None:
    one = Diagnostic(
        "W0401", "no effect", label("bn"), severity="warning", fix=Fix(label("bn").span, "", "leave it out")
    )
    two = Diagnostic("E0101", "3 more faults not shown")
    full = render([one, two])
    assert full.startswith("warning[W0401]: no effect\n --> spaces/x.vns:2:14\n")
    assert full.endswith("  = help: leave it out\n\nerror[E0101]: 3 more faults not shown")
    assert render([one, two], "concise").splitlines()[1] == "error[E0101]: 3 more faults not shown"
    assert render([]) == ""
    with pytest.raises(ValueError, match="style"):
        render([], "loud")  # type: ignore[arg-type]


def test_a_file_of_which_nothing_could_be_read_has_no_line() -> None:
    nothing = Diagnostic("E0103", "the file does not exist", Label(Span(Source("a.vns", ""), 0, 0)))
    assert render([nothing]) == "error[E0103]: the file does not exist\n --> a.vns"
    assert render([nothing], "concise") == "a.vns: error[E0103]: the file does not exist"


def test_colour_adds_escapes_and_nothing_else() -> None:
    diagnostic = Diagnostic("E0101", "a", label("bn", "b"), secondary=(label("wide", "c"),), notes=("d",), help="e")
    coloured = render([diagnostic], color=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render([diagnostic])
    assert "\x1b" not in render([diagnostic])


def underlined(text: str, part: str) -> tuple[str, str]:
    """The line shown for a text with `part` underlined, and its underline."""
    source = Source("x", text)
    lines = render([Diagnostic("E0101", "m", label(part, source=source))]).splitlines()
    return lines[3], lines[4]


@pytest.mark.parametrize(
    ("text", "shown", "under"),
    [
        ("ab cd", "ab cd", "   ^^"),
        ("\tab cd", "    ab cd", "       ^^"),
        ("a\tcd", "a   cd", "    ^^"),
        ("日本 cd", "日本 cd", "     ^^"),
        ("e\u0301 cd", "e\u0301 cd", "  ^^"),
        ("\x1b[31m cd", "\u241b[31m cd", "      ^^"),
        ("\u202e cd", "<U+202E> cd", "         ^^"),
        ("\x7f\x00 cd", "\u2421\u2400 cd", "   ^^"),
    ],
)
def test_underlines_stand_under_their_text(text: str, shown: str, under: str) -> None:
    assert underlined(text, "cd") == (f"1 | {shown}", f"  | {under}")


def test_wide_characters_get_wide_underlines() -> None:
    assert underlined("x 日本 y", "日本")[1] == "  |   ^^^^"


@pytest.mark.parametrize("before", [0, 30, 60, 119, 500, 400_000])
@pytest.mark.parametrize("after", [0, 30, 200, 400_000])
@pytest.mark.parametrize("filler", ["ab ", "日本"])
def test_long_lines_are_cut_around_the_place(before: int, after: int, filler: str) -> None:
    text = (filler * before)[:before] + "HERE" + (filler * after)[:after]
    shown, under = underlined(text, "HERE")
    assert len(shown[4:]) <= LINE_WIDTH
    at = shown.index("HERE")
    assert columns(shown[:at])[1][-1] == under.index("^")
    assert under.count("^") == 4
    assert ("…" in shown) == (len(shown) - 4 < len(text.rstrip()))


def test_a_span_over_several_lines_is_underlined_to_the_end_of_its_first() -> None:
    diagnostic = Diagnostic("E0101", "m", Label(Span(SOURCE, 0, len(SOURCE.text)), "all of it"))
    assert render([diagnostic]).splitlines()[3:] == ["1 | block b {", "  | ^^^^^^^^^ all of it"]


def test_places_at_the_very_end_and_empty_ones() -> None:
    for text in ("ab", "ab\n", ""):
        source = Source("x", text)
        end = len(text)
        got = render([Diagnostic("E0101", "m", Label(Span(source, end, end)))])
        assert got.count("^") == (1 if text else 0)


def test_messages_and_names_cannot_send_escapes() -> None:
    source = Source("\x1b]0;x\x07.vns", "ab")
    text = render([Diagnostic("E0101", "bad \x1b[2J", Label(Span(source, 0, 1), "\x08"), notes=("\x07",), help="\r")])
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert visible("a\tb\nc") == "a b\u240ac"
