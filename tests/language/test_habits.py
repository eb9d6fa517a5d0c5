"""Mistakes that come from other languages, each with one fault that says what was meant."""

from __future__ import annotations

import pytest

from vnasdsl.elaborate.program import examine
from vnasdsl.language.parser import parse_partial
from vnasdsl.language.source import Source

TEXT = """\
network small {{
  input clip = video(frames=8, size=32, classes=10)
  {}
  pool -> linear(classes)
}}
"""


@pytest.mark.parametrize(
    ("line", "column", "message", "said"),
    [
        ("conv(16, 3x3x3) => bn", 19, "expected `->`, found `=>`", "write `->`"),
        ("conv(16, 3x3x3) - > bn", 19, "expected `->`, found `- >`", "write `->`"),
        ("conv(16, 3x3x3) → bn", 19, "unexpected character `→` (U+2192 RIGHTWARDS ARROW)", "did you mean `->`?"),
        ("conv(16, 3x3x3), bn", 18, "`,` cannot join layers",
         "`a -> b` runs one layer behind the other, `a | b` is a choice"),
        ("conv(16, 3x3x3) bn", 19, "expected `->`, `|` or the end of the line, found `bn`", "put a `->` before `bn`"),
        ("conv(16 3x3x3)", 11, "expected `,` or `)`, found `3x3x3`", "put a `,` before `3x3x3`"),
        ("conv(16, kernel: 3x3x3)", 18, "expected `=`, found `:`", "write `=`"),
        ("conv(16, 3 x 3)", 14, "unexpected `x` after a number", "a size is written without spaces: `1x3x3`"),
        ("2 bn", 5, "expected `*`, found `bn`", "write `2 * bn`"),
        ("conv 16", 8, "the arguments of `conv` stand in parentheses", "write `conv(...)`"),
        ("conv[16, 3x3x3]", 7, "the arguments of `conv` stand in parentheses", "write `conv(...)`"),
        ("// a comment", 3, "`//` begins no comment", "a comment begins with `#`"),
        ("conv(16, 3x3x3) -> bn // two words of it", 25, "`//` begins no comment", "a comment begins with `#`"),
        ("stage s1 { bn } // comment", 19, "`//` begins no comment", "a comment begins with `#`"),
        ("bn /* some * words\n of it */", 6, "`/*` begins no comment", "a comment begins with `#`"),
        ("/* never ended", 3, "`/*` begins no comment", "a comment begins with `#`"),
        ("bn / 2", 6, "`/` is no operator", "whole-number division is `//`"),
        ("for i in 3 { bn }", 3, "`for` cannot begin a statement", "copies of a layer are written `4 * basic(1)`"),
        ("if 3 > 2 { bn }", 3, "`if` cannot begin a statement",
         "a condition stands inside a line: `basic(1) if stride > 1 else basic(2)`"),
        ("inptu x = video(3)", 3, "unknown statement `inptu`", "did you mean `input`?"),
        ("stge s1 { bn }", 3, "unknown statement `stge`", "did you mean `stage`?"),
        ("stage s1: bn", 11, "expected `{`, found `:`", "lines inside others stand in braces"),
        ("stage = bn", 9, "a stage needs a name", None),
        ("require macs <= 20 G", 19, "`G` stands apart from its number", "write `20G`"),
        ("require macs <= 20g", 19, "`20g` is not a number", "did you mean `20G`?"),
        ("require macs <= 2G and params <= 3M", 22, "a `require` line holds one limit",
         "write a `require` line for each"),
        ("x = 'a'", 7, "a string stands in double quotes", 'write `"a"`'),
    ],
)  # fmt: skip
def test_what_was_meant_is_said(line: str, column: int, message: str, said: str | None) -> None:
    _, faults = parse_partial(Source("x.vns", TEXT.format(line)))
    (fault,) = faults
    assert fault.primary is not None
    assert (fault.primary.span.line, fault.primary.span.column, fault.message) == (3, column, message)
    assert (fault.help or (fault.fix and fault.fix.description)) == said


@pytest.mark.parametrize(
    ("text", "message", "said"),
    [
        ("blok basic(n) {\n  bn\n}\n", "found `blok`", "did you mean `block`?"),
        ("spaec s {\n  bn\n}\n", "found `spaec`", "did you mean `space`?"),
        ("spaec\n", "found `spaec`", "did you mean `space`?"),
        ("\nspaec\n\n", "found `spaec`", "did you mean `space`?"),
        ("search s for x {\n  epochs = 3, batch = 2\n}\n", "found `,`", "every key has a line of its own"),
        ("search", "a search recipe needs a name", None),
        ("evaluate {\n}\n", "an evaluate recipe needs a name", None),
        ("import blocks.vns\n", "stands in double quotes", 'such as `import "x3d3.vns"`'),
    ],
)
def test_misspelt_definitions(text: str, message: str, said: str | None) -> None:
    _, faults = parse_partial(Source("x.vns", text))
    (fault,) = faults
    assert message in fault.message
    assert (fault.help or (fault.fix and fault.fix.description)) == said


def test_comments_of_other_languages_hide_nothing_else() -> None:
    text = """\
// a net of mine
network small {  // the first
  input clip = video(frames=8, size=32, classes=10)  // clips
  baisc(16) -> bn  // mine
  /* the end */
  pool -> linear(classes)
}
"""
    found = examine(Source("x.vns", text), None)[1]
    places = [(d.code, d.primary.span.line, d.primary.span.text) for d in found if d.primary]
    assert places == [
        ("E0101", 1, "//"),
        ("E0101", 2, "//"),
        ("E0101", 3, "//"),
        ("E0201", 4, "baisc"),
        ("E0101", 4, "//"),
        ("E0101", 5, "/*"),
    ]
