"""Mistakes that come from other languages, each with one fault that says what was meant."""

from __future__ import annotations

import re
import time
import tomllib

import pytest

from tests.support import ROOT
from vnasdsl.cli.check import check_recipe
from vnasdsl.elaborate.program import examine
from vnasdsl.language.parser import parse_partial
from vnasdsl.language.source import Source
from vnasdsl.layers import CATALOGUE
from vnasdsl.train.recipe_text import recipe_keys

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
        ("conv(16, 3x3x3) → bn", 19, "unexpected character `→` (U+2192 RIGHTWARDS ARROW)", "write `->`"),
        ("conv(16, 3x3x3), bn", 18, "layers cannot be joined with `,`",
         "write `a -> b` to run one layer after the other, `a | b` for a choice"),
        ("conv(16, 3x3x3) bn", 19, "expected `->`, `|` or the end of the line, found `bn`", "write `->` before `bn`"),
        ("conv(16 3x3x3)", 11, "expected `,` or `)`, found `3x3x3`", "write `,` before `3x3x3`"),
        ("conv(16, kernel: 3x3x3)", 18, "expected `=`, found `:`", "write `=`"),
        ("conv(16, 3 x 3)", 14, "unexpected `x` after a number", "a size is written without spaces: `1x3x3`"),
        ("2 bn", 5, "expected `*`, found `bn`", "write `2 * bn`"),
        ("conv 16", 3, "the arguments of `conv` must be in parentheses", "write `conv(...)`"),
        ("conv[16, 3x3x3]", 3, "the arguments of `conv` must be in parentheses", "write `conv(...)`"),
        ("// a comment", 3, "`//` does not begin a comment", "a comment begins with `#`"),
        ("conv(16, 3x3x3) -> bn // two words of it", 25, "`//` does not begin a comment", "a comment begins with `#`"),
        ("stage s1 { bn } // comment", 19, "`//` does not begin a comment", "a comment begins with `#`"),
        ("bn /* some * words", 6, "`/*` does not begin a comment", "a comment begins with `#`"),
        ("/* never ended", 3, "`/*` does not begin a comment", "a comment begins with `#`"),
        ("bn / 2", 6, "unexpected character `/`", "write `//`"),
        ("for i in 3 { bn }", 3, "`for` cannot begin a statement", "repetition is written `4 * basic(1)`"),
        ("if 3 > 2 { bn }", 3, "`if` cannot begin a statement",
         "a condition is part of a line: `basic(1) if stride > 1 else basic(2)`"),
        ("inptu x = video(3)", 3, "unknown statement `inptu`", "did you mean `input`?"),
        ("stge s1 { bn }", 3, "unknown statement `stge`", "did you mean `stage`?"),
        ("stage s1: bn", 11, "expected `{`, found `:`", "a body is written in braces"),
        ("stage = bn", 9, "a stage needs a name", None),
        ("require macs <= 20 G", 19, "`G` is separated from its number", "write `20G`"),
        ("require macs <= 20g", 19, "`20g` is not a number", "write `20G`"),
        ("require macs <= 2G and params <= 3M", 22, "`require` takes one limit",
         "write one `require` line for each limit"),
        ("conv(16 or 32, 3x3x3)", 11, "`or` is not an operator: a choice is written with `|`", "write `|`"),
        ("bn >> relu", 6, "expected `->`, found `>>`", "write `->`"),
        ("return conv(16, 3x3x3)", 3, "`return` cannot begin a statement",
         "the last line of a body is its output; in a block, `out` names another output"),
        ("conv(16, 1X3X3)", 12, "`1X3X3` is not a size", "write `1x3x3`"),
        ("c\N{CYRILLIC SMALL LETTER O}nv(16, 3x3x3)", 3,
         "`c\N{CYRILLIC SMALL LETTER O}nv` contains the Cyrillic letter `\N{CYRILLIC SMALL LETTER O}` (U+043E CYRILLIC"
         " SMALL LETTER O), which looks like the Latin `o`", "write `conv`"),
        ("conv(16, 1\N{CYRILLIC SMALL LETTER HA}3)", 13,
         "`\N{CYRILLIC SMALL LETTER HA}3` contains the Cyrillic letter `\N{CYRILLIC SMALL LETTER HA}` (U+0445 CYRILLIC"
         " SMALL LETTER HA), which looks like the Latin `x`", "write `x3`"),
        ("conv(16, \N{GREEK SMALL LETTER ALPHA}\N{GREEK SMALL LETTER PI})", 12,
         "`\N{GREEK SMALL LETTER ALPHA}\N{GREEK SMALL LETTER PI}` is not a name",
         "names consist of the letters a to z, digits and `_`"),
        ("nn.Conv3d(16, 3)", 3, "`nn.Conv3d` is not a layer",
         "layers are named alone, such as `conv(16, 3x3x3) -> bn -> relu`"),
        ("let x = bn", 3, "`let` is not a keyword", "a line is named by `NAME = ...` alone"),
        ("x: bn", 4, "expected `=`, found `:`", "write `=`"),
        ("require macs <= 20 GFLOPs", 19, "`20 GFLOPs` is not a number", "write `20G`"),
        ("x = bn if c && d else relu", 15, "`&&` is not an operator",
         "a condition is a single comparison, such as `2 if stride > 1 else 1`"),
        ("bn;", 5, "unexpected `;`", "a statement ends at the end of its line"),
        ("x = 'a'", 7, "a string must be in double quotes", 'write `"a"`'),
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
        ("search s for x {\n  epochs = 3, batch = 2\n}\n", "found `,`", "write one key on each line"),
        ("search", "a search recipe needs a name", None),
        ("evaluate {\n}\n", "an evaluate recipe needs a name", None),
        ("import blocks.vns\n", "must be in double quotes", 'write `"blocks.vns"`'),
    ],
)
def test_misspelt_definitions(text: str, message: str, said: str | None) -> None:
    _, faults = parse_partial(Source("x.vns", text))
    (fault,) = faults
    assert message in fault.message
    assert (fault.help or (fault.fix and fault.fix.description)) == said


@pytest.mark.parametrize(
    ("line", "code", "message", "said"),
    [
        ("(bn | relu) * 2", "E0305", "the number of copies comes first", "write `2 * (bn | relu)`"),
        ("conv(16, 3x3x3) -> batchnorm", "E0201", "unknown layer or block `batchnorm`", "did you mean `bn`?"),
        ("nn_conv(16)\n  MaxPool3d(1x2x2)", "E0201", "unknown layer or block `MaxPool3d`", "did you mean `max_pool`?"),
        ("conv(16, kernel_size=3)", "E0301", "`conv` has no parameter `kernel_size`", "did you mean `kernel`?"),
    ],
)  # fmt: skip
def test_names_of_other_libraries(line: str, code: str, message: str, said: str) -> None:
    _, found = examine(Source("x.vns", TEXT.format(line)), None)
    fault = found[-1]
    assert (fault.code, fault.message, fault.help or (fault.fix and fault.fix.description)) == (code, message, said)


def test_a_number_in_quotes() -> None:
    _, (fault,) = examine(Source("x.vns", TEXT.format("bn").replace("frames=8", 'frames="8"')), None)
    assert (fault.message, fault.help) == (
        "expected a number, sizes or a word, found a string",
        "write it without quotes: `8`",
    )


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("learning_rate = 0.1",
         "the learning rate belongs to the optimizer: `weights = sgd(lr=0.1)`, or `weights.lr = 0.1`"),
        ("optimizer = adam(lr=0.1)",
         "`weights` names the optimizer: `weights = sgd(lr=0.1)` or `weights = adam(lr=1e-3)`"),
        ("batch_size = 8", "did you mean `batch`?"),
        ("weights = sgd(learning_rate=0.1)", "did you mean `lr`?"),
    ],
)  # fmt: skip
def test_recipe_keys_of_other_libraries(key: str, said: str) -> None:
    text = (
        TEXT.replace("network", "space").format("stage s1 { conv(16 | 32, 3x3x3) }")
        + f"search s for small {{\n  {key}\n}}\n"
    )
    _, (fault,) = examine(Source("x.vns", text), None, None, check_recipe)
    assert fault.code == "E0801"
    assert (fault.help or (fault.fix and fault.fix.description)) == said


def test_the_synonyms_of_layers_and_parameters_exist() -> None:
    keys = {str(row["name"]) for row in recipe_keys()} | {"adam", "sgd"}
    known = {*CATALOGUE, *(p.name for layer in CATALOGUE.values() for p in layer.parameters), *keys}
    table = tomllib.loads((ROOT / "vnasdsl" / "language" / "synonyms.toml").read_text(encoding="utf-8"))
    for word, meaning in table.items():
        assert word not in known - {"momentum", "lr"}
        for name, sentence in meaning.items():
            assert name in {*known, "frames", "size", "classes"}
            assert set(re.findall(r"`([a-z_]+)`", sentence)) <= known


TORCH = """\
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, channels, kernel_size=(3, 3, 3), padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)
"""
CONFLICT = "block a { bn }\n<<<<<<< HEAD\nblock b { bn }\n=======\nblock b { relu }\n>>>>>>> other\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (TORCH, 1, "this is Python, not a .vns file"),
        (TORCH[TORCH.index("class") :], 1, "this is Python, not a .vns file"),
        ('{"frames": 8,\n "layers": [1, 2]}\n', 1, "this is JSON, not a .vns file"),
        ("# X3D\nmodel:\n  depth: 3\n", 2, "this is YAML, not a .vns file"),
        ("<!DOCTYPE html>\n<html>\n</html>\n", 1, "this is XML or HTML, not a .vns file"),
        (CONFLICT, 2, "this file has an unresolved merge conflict"),
        (TEXT.format("from tiny import basic"), 3, "a file is imported by its path"),
        ("from tiny import basic\n\n" + TEXT.format("basic(8)"), 1, "a file is imported by its path"),
        ('import basic from "tiny.vns"\n\n' + TEXT.format("basic(8)"), 1, "a file is imported by its path"),
        ("def stem(c):\n  conv(c, 3x3x3)\n", 1, "`def` is not a keyword"),
        ("class A {\n  bn\n}\n", 1, "`class` is not a keyword"),
    ],
)
def test_files_of_other_kinds_have_one_fault(text: str, line: int, message: str) -> None:
    _, (fault,) = examine(Source("x.vns", text), None)
    assert fault.primary is not None
    assert (fault.code, fault.primary.span.line, fault.message) == ("E0101", line, message)
    assert fault.help


def test_suggestions_for_very_many_names_take_no_long_time() -> None:
    blocks = "".join(f"block basic_{i:04d}(c) {{ bn }}\n" for i in range(1400))
    lines = "".join(f"  basik_{i:04d}(3)\n" for i in range(1500))
    begin = time.process_time()
    _, found = examine(Source("x.vns", blocks + TEXT.format(lines)), None)
    assert time.process_time() - begin < 10
    assert found[0].fix is not None
    assert found[0].fix.replacement == "basic_0000"


def test_comments_of_other_languages() -> None:
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
        ("E0305", 4, "bn  // mine"),
        ("E0101", 5, "/*"),
    ]
