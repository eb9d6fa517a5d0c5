"""The text of networks with named lines: what is left out, what becomes a block of its own, what lists become."""

from __future__ import annotations

import pytest

from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source

HEAD = "  input clip = video(frames=2, size=4, classes=3)\n"
TAIL = "  pool -> linear(classes)\n}\n"
CELL = """\
block op { none | skip | conv(same, 1x3x3) }
tied block cell(a, b, c) {
  p = a -> conv(c, 1x1x1)
  q = b -> conv(c, 1x1x1)
  h = sum(pick 2 of [p -> op, q -> op])
  g = sum(pick 2 of [p -> op, q -> op, h -> op])
  out concat(h, g)
}
"""


def space(lines: str, blocks: str = "") -> Space:
    recipe = "search made_search for made { strategy = evolution }\n"
    text = f"{blocks}space made {{\n{HEAD}{lines}{TAIL}{recipe}"
    return load_source(Source("made.vns", text), None).get()


def body(of: Space, made: dict[str, str]) -> str:
    """The lines of the network between its input and its classifier."""
    text = of.network(made, name="child").text()
    return text[text.index(HEAD) + len(HEAD) : text.index("  pool -> linear")]


def made_blocks(of: Space, made: dict[str, str]) -> str:
    text = of.network(made, name="child").text()
    return text[: text.index("network child")].strip()


def test_what_nothing_reads_is_left_out() -> None:
    of = space("  a = conv(4, 1x1x1)\n  b = clip -> conv(4, 1x3x3)\n  sum(pick 1 of [a, b])\n")
    assert body(of, {"sum.edges": "a"}) == "  conv(4, 1x1x1)\n"
    assert body(of, {"sum.edges": "b"}) == "  clip -> conv(4, 1x3x3)\n"


def test_none_is_left_out_of_sums_with_others_only() -> None:
    of = space("  a = conv(4, 1x1x1)\n  concat(sum(a -> (none | relu), a -> (none | skip)), a)\n")
    options = {"concat.sum.a.op": "none", "concat.sum.a2.op": "skip"}
    assert body(of, options) == "  a = conv(4, 1x1x1)\n  concat(a, a)\n"
    options = {"concat.sum.a.op": "relu", "concat.sum.a2.op": "none"}
    assert body(of, options) == "  a = conv(4, 1x1x1)\n  concat(a -> relu, a)\n"
    options = {"concat.sum.a.op": "none", "concat.sum.a2.op": "none"}
    assert body(of, options) == "  a = conv(4, 1x1x1)\n  concat(a -> none, a)\n"


CELL_CHOICES = {
    "cell.h.edges": "p + q",
    "cell.h.p.layer.op": "conv(same, 1x3x3)",
    "cell.h.q.layer.op": "none",
    "cell.g.edges": "q + h",
    "cell.g.q.layer.op": "skip",
    "cell.g.h.layer.op": "conv(same, 1x3x3)",
}


def test_a_cell_becomes_a_block_of_its_own_shared_by_equal_uses() -> None:
    lines = "  s = conv(4, 1x1x1)\n  c1 = cell(s, s, 4)\n  c2 = cell(s, c1, 4)\n  c3 = cell(c1, c2, 6)\n"
    of = space(lines, CELL)
    assert body(of, CELL_CHOICES) == (
        "  s = conv(4, 1x1x1)\n  c1 = cell_4(s, s)\n  c2 = cell_4(s, c1)\n  cell_6(c1, c2)\n"
    )
    assert (
        made_blocks(of, CELL_CHOICES)
        == """\
block cell_4(a, b) {
  p = a -> conv(4, 1x1x1)
  q = b -> conv(4, 1x1x1)
  h = p -> conv(same, 1x3x3)
  g = sum(q, h -> conv(same, 1x3x3))
  out concat(h, g)
}

block cell_6(a, b) {
  p = a -> conv(6, 1x1x1)
  q = b -> conv(6, 1x1x1)
  h = p -> conv(same, 1x3x3)
  g = sum(q, h -> conv(same, 1x3x3))
  out concat(h, g)
}"""
    )


def test_a_name_that_is_taken_is_not_taken_again() -> None:
    blocks = f"{CELL}block cell_4(c) {{ conv(c, 1x1x1) }}\n"
    of = space("  cell_4(5)\n  s = conv(4, 1x1x1)\n  cell(s, s, 4)\n", blocks)
    assert body(of, CELL_CHOICES) == "  cell_4(5)\n  s = conv(4, 1x1x1)\n  cell_4_2(s, s)\n"


def test_what_comes_in_keeps_its_name_where_only_a_join_reads_it() -> None:
    blocks = "block part(c) {\n  x = skip\n  sum(conv(c, 1x1x1) -> (relu | silu), x -> conv(c, 3x1x1))\n}\n"
    of = space("  part(4)\n", blocks)
    network = of.network({choice.name: "silu" for choice in of.choices})
    assert "{\n  x = skip\n  sum(conv(4, 1x1x1) -> silu, x -> conv(4, 3x1x1))\n}" in network.text()
    again = load_source(Source("made.vns", network.text()), None).get(network.name)
    assert again.params == network.params and again.graph.output == network.graph.output


def test_values_of_a_list_become_lines() -> None:
    of = space(
        "  a = conv(4, 1x1x1)\n"
        "  many = [3 * (conv(4, 1x1x1) | conv(4, 1x3x3))]\n"
        "  sum(pick 1..2 of [many, a -> relu])\n"
    )
    choices = {f"many[{i}].op": "conv(4, 1x1x1)" for i in range(3)}
    two = body(of, {**choices, "sum.edges": "many[0] + many[2]"})
    # Every value of the list begins with the line before it.
    assert two == (
        "  a = conv(4, 1x1x1)\n  many_0 = conv(4, 1x1x1)\n  many_2 = a -> conv(4, 1x1x1)\n  sum(many_0, many_2)\n"
    )


def test_a_changed_network_says_where_it_leaves() -> None:
    lines = "  s = conv(4, 1x1x1)\n  t = conv(4, 1x3x3)\n  c1 = cell(s, t, 4)\n  c2 = cell(t, c1, 4)\n"
    of = space(lines, CELL)
    text = of.network(CELL_CHOICES, name="child").text()
    for old, new, line in (
        ("s = conv(4, 1x1x1)", "s = conv(4, 1x1x3)", "s = conv"),
        ("cell_4(t, c1)", "cell_4(c1, t)", "cell_4(c1, t)"),
    ):
        changed = text.replace(old, new)
        assert changed != text
        network = load_source(Source("other.vns", changed), None).get("child")
        with pytest.raises(VnsError) as raised:
            network.choices_in(of)
        (diagnostic,) = raised.value.diagnostics
        assert diagnostic.code == "E0601" and diagnostic.primary is not None
        number = next(i for i, each in enumerate(changed.splitlines(), 1) if line in each)
        assert diagnostic.primary.span.line <= number


def test_one_layer_is_not_two() -> None:
    """Two lines of the space with equal layers are two layers, one line that is read twice is one."""
    of = space("  a = clip -> conv(4, 1x1x1)\n  b = clip -> conv(4, 1x1x1)\n  concat(a | b, b)\n")
    one = "  a = clip -> conv(4, 1x1x1)\n  concat(a, a)\n"
    two = "  a = clip -> conv(4, 1x1x1)\n  b = clip -> conv(4, 1x1x1)\n  concat(b, a)\n"
    three = "  a = clip -> conv(4, 1x1x1)\n  b = clip -> conv(4, 1x1x1)\n  concat(a, b, b)\n"
    name = next(c.name for c in of.choices)

    def choices(lines: str) -> dict[str, str]:
        text = f"network n {{\n{HEAD}{lines}{TAIL}"
        return load_source(Source("n.vns", text), None).get().choices_in(of)

    assert choices(one) == {name: "b"}
    assert choices(two) == {name: "a"}
    with pytest.raises(VnsError, match="E0601"):
        choices(three)
