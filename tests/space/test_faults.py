"""All the faults of a text in one run, each once, and none that only follows from another."""

from __future__ import annotations

from pathlib import Path

import pytest

from vnasdsl.cli.check import check_file
from vnasdsl.language.diagnostics import Diagnostic
from vnasdsl.language.limits import MAX_DIAGNOSTICS, MAX_FOUND
from vnasdsl.language.render import render

HEAD = """\
block head(channels, stride) {
  conv(channels, 1x3x3, stride=(1, stride, stride)) -> bn -> relu
}

"""
SMALL = """\
network small {
  input clip = video(frames=8, size=32, classes=10)
  conv(16, 3x3x3) -> bn -> relu
  pool -> linear(classes)
}
"""


def found(folder: Path, text: str, **imports: str) -> list[Diagnostic]:
    (folder / "pyproject.toml").touch()
    for name, imported in imports.items():
        (folder / f"{name}.vns").write_text(imported)
    path = folder / "main.vns"
    path.write_text(text)
    return check_file(path, name="main.vns")[1]


def places(folder: Path, text: str, **imports: str) -> list[tuple[int, str]]:
    """Line and code of every fault."""
    return [(d.primary.span.line if d.primary else 0, d.code) for d in found(folder, text, **imports)]


def test_faults_of_every_kind_in_one_run(tmp_path: Path) -> None:
    """But in line 19, which goes on in line 20: that cannot be read."""
    text = """\
block head(channels, stride) {
  conv(channels 1x3x3, stride=(1, stride, stride)) -> bn -> relu
}

block basic(dilation) {
  residual {
    conv(same, 3x1x1, dilaton=(dilation, 1, 1)) -> bn -> relu
  }
}

space tiny {
  input clip = video(frames=8, size=32, classes=8)
  stage s1 { stm(8) }
  stage s2 {
    head(8 | 12 | 16, 2)
    2 * (basic(1) | basic(2) | skip
  }
  stage s3 {
    head(16 | 24, 2, 3)
    -> -> conv
    conv(1x3x3, 8)
  }
  pool -> linear(classes)
  require flops <= 3
}

search quick for tinny {
  epochs 20
  warmpu = 4
}
"""
    assert places(tmp_path, text) == [
        (2, "E0101"),
        (7, "E0301"),
        (13, "E0201"),
        (16, "E0104"),
        (20, "E0101"),
        (21, "E0302"),
        (24, "E0506"),
        (26 + 1, "E0206"),
        (28, "E0101"),
        (29, "E0801"),
    ]


def test_faults_of_meaning_in_one_run(tmp_path: Path) -> None:
    text = (
        HEAD
        + """\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { head(16, 2) }
  stage s1 { head(32, 2) }
  stage s2 {
    head(48, 2)
    conv(same, 3x3x3, padding=valid, groups=5)
    conv(same, 3x3x3, kind=1) -> bm
  }
  pool -> linear(classes)
  require macs <= 1 // 0
}

network small : wyde {
  input clip = video(frames=8, size=32, classes=10)
  frames = head(16 | 24, 2)
  stage s1 { require macs <= 3 }
  conv(32, 3x3x3, padding=valid)
  residual { head(16, 2) }
  pool -> dropout(2) -> linear(classes)
}
"""
    )
    assert places(tmp_path, text) == [
        (8, "E0204"),
        (11, "E0404"),
        (12, "E0301"),
        (12, "E0201"),
        (15, "E0307"),
        (18, "E0206"),
        (20, "E0205"),
        (20, "E0503"),
        (21, "E0304"),
        (24, "E0303"),
    ]


# A wrong part, and the one fault it gives although much depends on it.
POISON = {
    "an unknown layer in a block used 40 times": (
        "block b(n) {\n  nope(n) -> bn\n}\n\n" + SMALL.replace("-> bn -> relu", "-> 40 * b(16)"),
        (2, "E0201"),
    ),
    "an unknown layer used in many lines": (
        SMALL.replace("-> bn -> relu\n", "-> bnn\n" + "  relu -> bnn\n" * 10),
        (3, "E0201"),
    ),
    "a block that changes the shape, used 40 times": (
        "block b(n) {\n  residual { conv(n, 3x3x3) }\n}\n\n" + SMALL.replace("-> bn -> relu", "-> 40 * b(8)"),
        (7, "E0402"),
    ),
    "a missing import": (
        'import "nope.vns"\n\n' + SMALL.replace("relu", "head(3, 1)") + SMALL.replace("small", "other : space1"),
        (1, "E0703"),
    ),
    "a wrong input": (SMALL.replace("frames=8", 'frames="8"').replace("classes=10", "classes=10"), (2, "E0302")),
    "no input": (SMALL.replace("  input clip = video(frames=8, size=32, classes=10)\n", ""), (1, "E0306")),
    "a wrong argument": (SMALL.replace("16, 3x3x3", "3x3x3, 16"), (3, "E0302")),
    "a layer that does not fit": (
        SMALL.replace("  pool", "  conv(16, 9x9x9, padding=valid)\n  conv(8, 3x3x3, groups=3)\n  pool"),
        (4, "E0401"),
    ),
    "a block that uses itself": (
        "block a {\n  b\n}\n\nblock b {\n  a\n}\n\n" + SMALL.replace("bn -> relu", "a -> b -> a"),
        (6, "E0207"),
    ),
    "a wrong space that a network claims": (
        "space wide {\n  input clip = video(frames=8, size=32, classes=10)\n  cnv(3)\n}\n\n"
        + SMALL.replace("small", "small : wide"),
        (3, "E0201"),
    ),
    "a name that cannot be": ("block lambda_ {\n  relu\n}\n" + SMALL.replace("relu", "pass"), (6, "E0201")),
    "a definition that cannot be read": (
        "blok head(n) {\n  bn\n}\n\n" + SMALL.replace("relu", "head(3)"),
        (1, "E0101"),
    ),
    "an input that cannot be read": (SMALL.replace("input clip", "inptu clip"), (2, "E0101")),
    "a brace too few": (
        "space wide {\n  input clip = video(frames=8, size=32, classes=10)\n  stage s1 {\n    conv(16, 3x3x3)\n\n"
        "  stage s2 { bn }\n  pool -> linear(classes)\n}\n\n" + SMALL.replace("small", "small : wide"),
        (3, "E0104"),
    ),
    "a line that cannot be read": (SMALL.replace("conv(16, 3x3x3)", "conv(16, 3x3x3) ->"), (3, "E0101")),
    "a number that is too large": (SMALL.replace("conv(16", f"conv({10**19}"), (3, "E0106")),
    "a parameter named twice": (
        "block b(n, n) {\n  conv(n, 3x3x3)\n}\n\n" + SMALL.replace("bn -> relu", "b(1, 2) -> bn"),
        (1, "E0203"),
    ),
}


@pytest.mark.parametrize("name", POISON)
def test_what_depends_on_a_fault_is_not_reported(name: str, tmp_path: Path) -> None:
    text, expected = POISON[name]
    assert places(tmp_path, text) == [expected]


def test_a_name_unknown_at_several_places_is_one_fault(tmp_path: Path) -> None:
    (fault,) = found(tmp_path, SMALL.replace("-> bn -> relu", "-> bnn -> relu -> bnn"))
    assert [label.text for label in fault.secondary] == ["and here"]


def test_faults_of_an_import_are_found_once(tmp_path: Path) -> None:
    blocks = "block head(n) {\n  conv(n, 3x3x3) -> bnn\n}\n"
    main = 'import "a.vns"\nimport "b.vns"\n\n' + SMALL.replace("bn -> relu", "head(8) -> head(16)")
    faults = found(tmp_path, main, a='import "blocks.vns"\n', b='import "blocks.vns"\n', blocks=blocks)
    assert [(str(d.primary.span), d.code) for d in faults if d.primary] == [("blocks.vns:2:21", "E0201")]


def test_an_import_with_a_syntax_fault_hides_only_its_names(tmp_path: Path) -> None:
    main = 'import "a.vns"\n\n' + SMALL.replace("bn -> relu", "head(8) -> conv(8)")
    faults = found(tmp_path, main, a="block head(n) {\n  conv(n 3x3x3)\n}\n")
    assert [(str(d.primary.span), d.code) for d in faults if d.primary] == [
        ("a.vns:2:10", "E0101"),
        ("main.vns:5:33", "E0301"),
    ]


def test_shape_faults_come_once_for_each_place(tmp_path: Path) -> None:
    block = "block b(n) {\n  conv(n, 3x3x3, groups=3)\n}\n\n"
    faults = found(tmp_path, block + SMALL.replace("bn -> relu", "b(32) -> bn").replace("  pool", "  b(8)\n  pool"))
    (fault,) = faults
    assert fault.code == "E0404"
    assert [(label.span.line, label.text) for label in fault.secondary] == [(2, "from this line of `b`")]


def test_the_faulty_option_of_a_choice_is_found(tmp_path: Path) -> None:
    text = """\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 {
    conv(16, 3x3x3)
    conv(same, 3x3x3) | conv(same, 9x9x9, padding=valid) | conv(same, 3x3x3, groups=3) | bnn | skip
  }
  pool -> linear(classes)
}
"""
    faults = found(tmp_path, text)
    assert [d.code for d in faults] == ["E0401", "E0404", "E0201"]


def test_a_warning_does_not_hide_a_missing_end(tmp_path: Path) -> None:
    text = SMALL.replace("3x3x3)", "3x3x3, dilation=9x1x1)").replace("linear(classes)", "linear(3)")
    assert places(tmp_path, text) == [(3, "W0401"), (4, "E0405")]


def test_blocks_are_checked_though_nothing_uses_them(tmp_path: Path) -> None:
    blocks = (
        "block a {\n  conv(1x3x3, 16) -> bn\n  b\n}\n\n"
        "block b(n=1) {\n  conv(n, 3x3x3, bias=2) -> conv(8 // 0, 3x3x3) -> c\n}\n\n"
        "block c {\n  residual { b }\n}\n"
    )
    assert places(tmp_path, blocks) == [(2, "E0302"), (7, "E0302"), (7, "E0307"), (11, "E0207")]
    assert places(tmp_path, 'import "blocks.vns"\n\n' + SMALL.replace("relu", "a"), blocks=blocks) == [
        (2, "E0302"),
        (7, "E0302"),
        (7, "E0307"),
        (11, "E0207"),
    ]


@pytest.mark.parametrize("line", ["conv(8 | 16, 1x1x1) * bn", "conv(bn(1 | 2), 1x1x1)", "(2 | conv(8 | 9, 3)) * bn"])
def test_a_choice_inside_a_misplaced_layer_ends(line: str, tmp_path: Path) -> None:
    assert {code for _, code in places(tmp_path, SMALL.replace("conv(16, 3x3x3)", line))} == {"E0305"}


@pytest.mark.parametrize("line", ["conv(16 */ 2, 3x3x3)", "2 */ bn", "bn if 1 <// 2 else bn"])
def test_signs_that_were_put_right_have_no_meaning(line: str, tmp_path: Path) -> None:
    assert places(tmp_path, SMALL.replace("conv(16, 3x3x3) -> bn", line)) == [(3, "E0101")]


WIDE = """\
space wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16 | 32, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}

network small : wide {
  input clip = video(frames=8, size=32, classes=10)
  stage s1 { conv(16, 3x3x3) -> bn -> relu }
  pool -> linear(classes)
}
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "message", "help"),
    [
        ("conv(16, ", "conv(24, ", (9, 14), "`conv(24, 3x3x3)`", "`channels` is `24`, the space has `16` or `32`"),
        ("relu }", "relu -> bn }", (9, 47), "`bn` is not in stage `s1` of", "expected the end of the stage"),
        ("bn -> relu", "bn", (9, 33), "stage `s1` of space `wide` goes on after this", "expected `relu`"),
        ("bn -> relu", "relu -> bn", (9, 33), "`relu` is not in stage `s1` of space `wide`", "expected `bn`"),
        ("stage s1", "stage s2", (9, 3), "stage `s2` is not in space `wide`", "expected stage `s1` here"),
    ],
)  # fmt: skip
def test_the_first_part_that_leaves_the_space_is_shown(
    old: str, new: str, place: tuple[int, int], message: str, help: str, tmp_path: Path
) -> None:
    space, network = WIDE.split("\n\n")
    (fault,) = found(tmp_path, space + "\n\n" + network.replace(old, new))
    assert fault.primary is not None
    assert (fault.code, fault.primary.span.line, fault.primary.span.column) == ("E0601", *place)
    assert fault.message.startswith(message)
    assert fault.help == help


def test_a_file_of_faults_gives_a_bounded_number(tmp_path: Path) -> None:
    lines = "".join(f"  layer{i}(3)\n" for i in range(2_000))
    faults = found(tmp_path, "network many {\n  input clip = video(frames=8, size=32)\n" + lines + "}\n")
    assert len(faults) == MAX_FOUND
    assert render(faults).endswith(f"\n\n{MAX_FOUND - MAX_DIAGNOSTICS} more not shown")
