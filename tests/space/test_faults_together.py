"""A fault of the text beside one of meaning: both are said in one run, each once, and nothing that only follows.

What a file with both says is held against what it says with only one of them.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest

from tests.support import ROOT, parts, some_slow
from vnasdsl.cli.check import check_recipe
from vnasdsl.elaborate.program import examine
from vnasdsl.language.lexer import Tokens
from vnasdsl.language.source import Source

TEXT = """\
block plain(n, s) {
  conv(n, 1x3x3, stride=(1, s, s)) -> bn -> relu
  conv(same, 3x1x1) -> bn -> relu
}

block twice(n) {
  residual { conv(same, 3x1x1) -> bn }
  conv(n, 1x3x3) -> bn -> relu
}

space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { plain(16 | 24, 2) }
  stage s2 {
    plain(32, 2)
    2 * (twice(32) | skip)
  }
  pool -> linear(classes)
  require macs <= 20M
}

network small {
  input clip = video(frames=8, size=32, classes=10)
  first = conv(16, 3x3x3) -> bn -> relu
  stage s1 {
    twice(32)
    relu
  }
  pool -> linear(classes)
  require params <= 1M
}

space narrow {
  input clip = video(frames=8, size=32, classes=10)
  conv(8 | 16, 3x3x3) -> bn
  pool -> linear(classes)
}

network inside : narrow {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn
  pool -> linear(classes)
}

search quick for wide {
  epochs = 2
}
"""

# Where, what it becomes; all in one line, so that places stay.
SYNTAX = {
    "plain": [
        ("conv(n, 1x3x3, stride=(1, s, s)) -> bn", "conv(n 1x3x3, stride=(1, s, s)) -> bn"),
        ("conv(n, 1x3x3, stride=(1, s, s)) -> bn", "conv(n, 1x3x3, stride=(1, s, s) -> bn"),
        ("block plain(n, s) {", "block plain(n s) {"),
        ("block plain(n, s) {", "block plain(n, s)"),
        ("block plain(n, s) {", "blok plain(n, s) {"),
        ("conv(same, 3x1x1) -> bn -> relu\n}", "conv(same, 3x1x1) -> -> bn -> relu\n}"),
        ("conv(same, 3x1x1) -> bn -> relu\n}", "conv(same, 3x1x1) -> bn -> relu ->\n}"),
        ("conv(same, 3x1x1) -> bn -> relu\n}", "stage conv(same, 3x1x1) -> bn -> relu\n}"),
        ("conv(same, 3x1x1) -> bn -> relu\n}", "conv(same, 3x1x1) -> bn -> relu\n"),
        ("conv(same, 3x1x1) -> bn -> relu\n}", "conv(same, 3x1x1) -> bn -> relu }\n}"),
    ],
    "wide": [
        ("stage s1 { plain(16 | 24, 2) }", "stage s1 { plain(16 | | 24, 2) }"),
        ("stage s1 { plain(16 | 24, 2) }", "stage { plain(16 | 24, 2) }"),
        ("2 * (twice(32) | skip)", "2 * (twice(32) | skip"),
        ("2 * (twice(32) | skip)", "2 * {twice(32) | skip}"),
        ("require macs <= 20M", "require macs <= 20 M"),
        ("require macs <= 20M", "require macs"),
    ],
    "small": [
        ("first = conv(16, 3x3x3)", "first = = conv(16, 3x3x3)"),
        ("first = conv(16, 3x3x3)", "first == conv(16, 3x3x3)"),
        ("twice(32)\n    relu", "twice(32))\n    relu"),
        ("twice(32)\n    relu", "twice(32\n    relu"),
        ("require params <= 1M", "require params =< 1M"),
    ],
    "quick": [("epochs = 2", "epochs 2"), ("epochs = 2", "epochs = (2")],
}
NARROW = "narrow {\n  input clip = video(frames=4, size=32, classes=10)\n  conv(16,"
MEANING = {
    "wide": [
        ("plain(32, 2)", "plain(32, 2) -> conv(8, 9x9x9, padding=valid)", "E0401"),
        ("plain(32, 2)", "plain(32, 2) -> conv(33, 3x3x3, groups=3)", "E0404"),
        ("plain(32, 2)", "plain(32, 2) -> residual { conv(8, 1x1x1) }", "E0402"),
        ("plain(32, 2)", "plain(32, 2) -> depthwise(3x1x1, dilation=20x1x1)", "W0401"),
        ("macs <= 20M", "macs <= 20K", "E0505"),
        ("macs <= 20M", "macs <= 20G", "W0505"),
        ("2 * (twice(32) | skip)", "2 * (twice(32) | skip) -> avg_pool((1, 30, 30), padding=valid)", "E0401"),
    ],
    "small": [
        ("    relu\n", "    relu -> conv(8, 3x9x9, padding=valid) -> conv(8, 1x30x30, padding=valid)\n", "E0401"),
        ("    relu\n", "    relu | bn\n", "E0503"),
        ("require params <= 1M", "require params <= 1K", "E0505"),
    ],
    "inside": [
        ("conv(16, 3x3x3) -> bn\n  pool", "conv(24, 3x3x3) -> bn\n  pool", "E0601"),
        ("conv(16, 3x3x3) -> bn\n  pool", "conv(16, 3x3x3) -> bn -> relu\n  pool", "E0601"),
        (
            "inside : narrow {\n  input clip = video(frames=8",
            "inside : narrow {\n  input clip = video(frames=4",
            "E0601",
        ),
    ],
}
USES = {"wide": ("wide", "plain"), "small": ("small",), "inside": ("inside", "narrow")}
"""What each of them is made of, of the definitions that are spoilt here."""


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


@cache
def said(text: str) -> list[tuple[int, str, str]]:
    """Line, code and message of every fault."""
    _, found = examine(Source("main.vns", text), None, check_recipe=check_recipe)
    return [(d.primary.span.line if d.primary else 0, d.code, d.message) for d in found]


def pairs() -> list[tuple[str, tuple[str, str], str, tuple[str, str, str]]]:
    return [
        (a, syntax, b, meaning)
        for a, b in product(SYNTAX, MEANING)
        for syntax, meaning in product(SYNTAX[a], MEANING[b])
        if a not in USES[b]
    ]


def test_the_text_has_no_fault() -> None:
    assert said(TEXT) == []


@pytest.mark.parametrize(("where", "i"), [(a, i) for a in SYNTAX for i in range(len(SYNTAX[a]))])
def test_a_fault_of_the_text_hides_none_of_meaning_elsewhere(where: str, i: int) -> None:
    syntax = SYNTAX[where][i]
    alone = said(changed(TEXT, *syntax))
    assert alone and all(code in ("E0101", "E0104") for _, code, _ in alone)
    tried = 0
    for a, other, _, (old, new, code) in pairs():
        if (a, other) != (where, syntax):
            continue
        tried += 1
        mended = said(changed(TEXT, old, new))
        assert [c for _, c, _ in mended] == [code]
        both = said(changed(changed(TEXT, *syntax), old, new))
        assert both == sorted([*alone, *mended])
    assert tried > 4


@pytest.mark.parametrize("kind", MEANING)
def test_what_depends_on_a_part_that_cannot_be_read_is_not_said(kind: str) -> None:
    """The same pairs where one needs the other: nothing but what is said with one of the two."""
    tried = 0
    for where in SYNTAX:
        for syntax, (old, new, _) in product(SYNTAX[where], MEANING[kind]):
            spoilt = changed(TEXT, *syntax)
            if where not in USES[kind] or spoilt.count(old) != 1:
                continue
            tried += 1
            alone = said(spoilt)
            both = said(changed(spoilt, old, new))
            mended = said(changed(TEXT, old, new))
            assert set(alone) <= set(both) <= {*alone, *mended}
            assert len(both) == len(set(both))
    assert tried > 2 or kind == "inside"


LINES = """\
network long {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn
  stage s1 {
    conv(16, 3x3x3)
    conv(24, 3x3x3, groups=4)
  }
  stage s2 {
    conv(24, 3x3x3) -> relu
    residual { conv(same, 1x1x1) }
  }
  pool -> linear(classes)
}
"""


@pytest.mark.parametrize("syntax", range(3, 12))
@pytest.mark.parametrize("shape", [3, 5, 6, 9])
def test_within_a_network_what_stands_before_the_fault_is_known(syntax: int, shape: int) -> None:
    lines = LINES.split("\n")
    if lines[syntax - 1].strip() in ("}", "stage s1 {", "stage s2 {") or syntax == shape:
        return
    lines[shape - 1] = lines[shape - 1].replace("3x3x3", "3x3x3, groups=5", 1).replace("groups=5, groups=4", "groups=5")
    mended = said("\n".join(lines))
    assert [(line, code) for line, code, _ in mended] == [(shape, "E0404")]
    lines[syntax - 1] = lines[syntax - 1].replace("(", "((", 1)
    found = said("\n".join(lines))
    expected = [(syntax, "E01")] + ([(shape, "E04")] if shape < syntax else [])
    assert sorted((line, code[:3]) for line, code, _ in found) == sorted(expected)


SPOILERS = ("", "(", "}", "->", "{", ")", " = ", "| |")


@pytest.mark.parametrize("part", parts(4))
@pytest.mark.parametrize("name", some_slow(["x3d3_k400", "tiny"], ["tiny"]))
def test_no_spoilt_word_has_a_fault_of_meaning_that_follows_from_it(name: str, part: int) -> None:
    """Words of a sound text, spoilt in every way: a fault of the text is then all there is."""
    path = ROOT / "spaces" / f"{name}.vns"
    text = path.read_text(encoding="utf-8")
    known = {(d.code, d.message) for d in examine(Source(str(path), text), path)[1]}
    words = [token.span for token in Tokens(Source(name, text)).items if token.text.strip()]
    spoilt = 0
    for span, new in product(words[part :: 4 * (7 + len(words) // 400)], SPOILERS):
        found = examine(Source(str(path), text[: span.start] + new + text[span.end :]), path)[1]
        if any(d.code in ("E0101", "E0104") for d in found):
            spoilt += 1
            more = [d for d in found if d.code not in ("E0101", "E0104") and (d.code, d.message) not in known]
            assert not more, (span, new, more)
    assert spoilt > 12
