"""Where a network leaves its space: the first layer in the file, what differs in it, and what the space has there."""

from __future__ import annotations

import pytest

from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import Diagnostic, VnsError
from vnasdsl.language.source import Source

BLOCKS = """block mb(channels, expand) {
  inverted_bottleneck(channels, expand=expand)
}
block basic(d) {
  residual { conv(same, 3x1x1, dilation=(d, 1, 1)) -> bn }
}
tied block cell(a, b) {
  p = a -> (conv(4, 1x1x1) | conv(4, 1x3x3))
  out concat(p, b)
}
"""
INPUT = "  input clip = video(frames=8, size=8, classes=3)\n"
END = "  pool -> linear(classes)\n}\n"


def departure(space: str, network: str) -> Diagnostic:
    """The error of a network that claims to lie in a space; both without their input and end."""
    text = f"{BLOCKS}space s {{\n{INPUT}{space}{END}network n : s {{\n{INPUT}{network}{END}"
    recipe = "search r for s { strategy = evolution }\n"
    with pytest.raises(VnsError) as raised:
        load_source(Source("n.vns", text + recipe), None)
    (error,) = [d for d in raised.value.diagnostics if d.severity == "error"]
    assert error.code == "E0601"
    return error


def place(error: Diagnostic) -> str:
    assert error.primary is not None
    return error.primary.span.text


def test_of_two_faults_the_first_in_the_file_is_named() -> None:
    space = "  stage a { 2 * (basic(1) | basic(2)) }\n  stage b { 2 * (basic(1) | basic(2)) }\n"
    network = "  stage a {\n basic(1)\n basic(3)\n }\n  stage b {\n basic(4)\n basic(1)\n }\n"
    assert place(departure(space, network)) == "basic(3)"


def test_the_argument_that_differs_is_named_with_what_the_space_has() -> None:
    widths = " | ".join(str(8 * n) for n in range(1, 25))
    error = departure(f"  mb({widths}, 2 | 4 | 6)\n", "  mb(41, 2)\n")
    assert place(error) == "mb(41, 2)"
    assert error.help is not None and error.help.startswith("`channels` is `41`, the space has `8`, `16`, ")


def test_a_layer_inside_a_block_is_shown() -> None:
    block = "block other {\n  relu\n  conv(same, 5x1x1)\n}\n"
    space = "  relu\n  conv(same, 3x1x1) | conv(same, 1x3x3)\n"
    text = f"{BLOCKS}{block}space s {{\n{INPUT}{space}{END}network n : s {{\n{INPUT}  other\n{END}"
    with pytest.raises(VnsError) as raised:
        load_source(Source("n.vns", text), None)
    (error,) = raised.value.diagnostics
    assert place(error) == "other"
    shown = [label.span.text for label in error.secondary]
    assert "conv(same, 5x1x1)" in shown
    assert error.help == "`kernel` is `5x1x1`, the space has `3x1x1` or `1x3x3`"


def test_one_copy_too_many_is_called_that() -> None:
    space = "  stage a { 1..3 * (basic(1) | basic(2)) }\n  max_pool(1x2x2)\n"
    network = "  stage a { 4 * basic(1) }\n  max_pool(1x2x2)\n"
    error = departure(space, network)
    assert place(error) == "basic(1)"
    assert error.help == "the space has at most 3 copies of `(basic(1) | basic(2))`"


def test_a_stage_that_ends_too_early() -> None:
    space = "  stage a { 3 * (basic(1) | basic(2)) }\n  max_pool(1x2x2)\n"
    network = "  stage a {\n basic(1)\n basic(2)\n }\n  max_pool(1x2x2)\n"
    error = departure(space, network)
    assert "goes on after this" in error.message
    assert place(error) == "basic(2)"
    assert error.help == "expected `basic(1)` or `basic(2)`"


def test_uses_of_a_tied_block_that_differ_name_the_choice() -> None:
    space = "  a = conv(4, 1x1x1)\n  b = cell(a, a)\n  cell(b, a)\n"
    cells = "  p = a -> conv(4, 1x1x1)\n  b = concat(p, a)\n  q = b -> conv(4, 1x3x3)\n  concat(q, a)\n"
    error = departure(space, f"  a = conv(4, 1x1x1)\n{cells}")
    assert error.message == "the uses of tied block `cell` make different choices"
    assert place(error) == "concat(q, a)"
    assert error.help == "`cell.p.layer.op` is `conv(4, 1x1x1)` at its first use and `conv(4, 1x3x3)` here"


def test_other_wires() -> None:
    space = "  a = conv(4, 1x1x1)\n  b = conv(4, 1x3x3)\n  concat(a, b) | concat(b, a)\n"
    network = "  a = conv(4, 1x1x1)\n  b = conv(4, 1x3x3)\n  concat(b, b)\n"
    error = departure(space, network)
    assert place(error) == "concat(b, b)"
    assert error.help == "the space has `concat` here with other inputs"


@pytest.mark.slow
def test_reading_a_network_has_a_bound() -> None:
    """Lists of many copies with three options each, eight of them in a row: what cannot be decided in time is said."""
    lines = "".join(
        f"  l{i} = [(0..40) * (basic(1) | basic(2) | skip), (0..40) * (basic(1) | basic(2) | skip)]\n  sum(l{i})\n"
        for i in range(8)
    )
    network = "".join(f"  l{i} = [30 * basic(1), 30 * basic(2)]\n  sum(l{i})\n" for i in range(8))
    text = f"{BLOCKS}space s {{\n{INPUT}{lines}{END}network n : s {{\n{INPUT}{network}{END}"
    text += "search r for s { strategy = evolution }\n"
    try:
        program = load_source(Source("n.vns", text), None)
    except VnsError as fault:
        assert "could not decide" in fault.diagnostics[0].message
    else:
        assert program.get("n").claimed_choices()
