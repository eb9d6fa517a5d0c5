"""E01..: what can be wrong with a text before it is known what it means."""

from __future__ import annotations

from vnasdsl.language.codes.code import MAIN, Code, one
from vnasdsl.language.limits import MAX_BYTES, MAX_DEPTH

_GOOD = """\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn -> relu
  pool -> linear(classes)
}
"""

CODES = (
    Code(
        "E0101",
        "unexpected text",
        "The grammar does not allow this word or sign here. The message says what could stand in its place; often a"
        " sign is missing just before it, such as the `->` between two layers of one line. A statement ends with its"
        " line unless the line ends inside `( )` or `[ ]`, or after a sign that needs something behind it. Everything"
        " else in the file is still read, so several such faults show in one run.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) bn -> relu
  pool -> linear(classes)
}
"""),
        one(_GOOD),
    ),
    Code(
        "E0102",
        "text is not UTF-8",
        "A .vns file is text in UTF-8, whatever the machine is set to, so that it means the same everywhere. The bytes"
        " shown are not UTF-8; most often an editor saved the file in an older encoding such as Latin-1. Save it again"
        " as UTF-8.",
        {MAIN: b"# R\xe9sum\xe9 of the network\n" + _GOOD.encode()},
        one("# Résumé of the network\n" + _GOOD),
    ),
    Code(
        "E0103",
        "file cannot be read",
        "There is no file under this name, it is a folder, or you may not read it. Names are taken from the folder in"
        " which the command runs. Check the spelling and the folder.",
        {},
        one(_GOOD),
    ),
    Code(
        "E0104",
        "bracket or string never closed",
        'Every `(`, `[` and `{` needs its partner, and a string ends with `"` on the line it began. Where one is'
        " missing can only be guessed: for a brace, the indentation is the guide, and the line that stands further left"
        " than what it closes is shown too. Put the missing sign where it belongs, or take out the one too many.",
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3 -> bn -> relu
  pool -> linear(classes)
}
"""),
        one(_GOOD),
    ),
    Code(
        "E0105",
        "text too large",
        f"One file may have {MAX_BYTES:,} bytes. No text written by hand comes near it, and the bound keeps a file that"
        " is not a .vns file at all, or a hostile one, from using up the machine. Use blocks and `N * layer` in the"
        " place of repeated lines, or spread the definitions over several files and import them.",
        one("# the same comment again\n" * (MAX_BYTES // 25 + 1)),
        one("# one comment is enough\n" + _GOOD),
    ),
    Code(
        "E0106",
        "number too large",
        "A whole number goes up to 10^18 and a real one up to 1.79e308, and so does what arithmetic makes of them. That"
        " is far above any count of channels, multiply-adds or parameters, and keeps sums exact and quick. Usually a"
        " digit or a magnitude (K, M, G, T) is too many.",
        one("""\
space small {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
  require macs <= 20000000000000000000
}
"""),
        one("""\
space small {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
  require macs <= 15M
}
"""),
    ),
    Code(
        "E0108",
        "nested too deeply",
        f"Brackets inside brackets may go {MAX_DEPTH} deep, and so may blocks that use blocks. Real texts need fewer"
        " than ten; the bound keeps every later step quick and safe. Give the inner part a name as a block of its own,"
        " or look for brackets that are too many.",
        one(f"""\
network small {{
  input clip = video(frames=8, size=32, classes=10)
  {"(" * 101}conv(16, 3x3x3){")" * 101}
  pool -> linear(classes)
}}
"""),
        one("""\
network small {
  input clip = video(frames=8, size=32, classes=10)
  (conv(16, 3x3x3))
  pool -> linear(classes)
}
"""),
    ),
)
