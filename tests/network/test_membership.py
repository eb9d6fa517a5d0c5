"""Networks that have been changed in one place no longer lie in their space, and the place is named."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.space.random_spaces import BLOCKS, Made, examples, spaces
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source


def read(text: str, name: str | None = None) -> Space:
    return load_source(Source("made.vns", text), None).get(name)


@given(spaces(most=40), st.data())
@examples(40)
def test_a_changed_line_leaves_the_space(made: Made, data: st.DataObject) -> None:
    """A layer that no space has, put into any line: that line is the first to leave."""
    space = read(made.text)
    ways = list(space.networks())
    text = space.network(ways[data.draw(st.integers(0, len(ways) - 1))], name="child").text()
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("network "))
    places = [i for i in range(start + 2, len(lines)) if re.match(r" +[a-z]", lines[i]) and "stage" not in lines[i]]
    assume(places)
    place = data.draw(st.sampled_from(places))
    indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
    assume("pool" not in lines[place])
    assume(not any("residual {" in line or line == "    }" for line in lines[start:place]))
    lines.insert(place, f"{indent}avg_pool(1x1x1)")
    network = read("\n".join(lines) + "\n", "child")
    with pytest.raises(VnsError) as raised:
        network.choices_in(space)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "E0601"
    assert diagnostic.primary is not None and diagnostic.primary.span.line == place + 1


@pytest.mark.parametrize("swap", ["2x", "bias", "groups", "padding"])
def test_costs_alone_do_not_make_a_member(swap: str) -> None:
    """What differs in an argument that changes no figure is another network all the same."""
    other = {
        "2x": "conv(4, 1x3x1)",
        "bias": "conv(4, 1x1x3, bias=true)",
        "groups": "conv(4, 1x1x3, groups=1, dilation=1x1x2)",
        "padding": "conv(4, 1x1x3, stride=1x1x2)",
    }[swap]
    text = """
space s {{
  input clip = video(frames=4, size=8, classes=3)
  stage a {{ conv(4 | 6, 1x1x3) }}
  pool -> linear(classes)
}}
network n {{
  input clip = video(frames=4, size=8, classes=3)
  stage a {{ {} }}
  pool -> linear(classes)
}}
"""
    read(text.format("conv(4, 1x1x3)"), "n").choices_in(read(text.format("relu"), "s"))
    with pytest.raises(VnsError, match="E0601"):
        read(text.format(other), "n").choices_in(read(text.format("relu"), "s"))


def test_the_same_layers_in_other_words_are_a_member() -> None:
    """A block written out, `same` as a number, a chain over two lines: what counts is the layers."""
    text = (
        BLOCKS
        + """
space s {
  input clip = video(frames=4, size=8, classes=3)
  stage a {
    head(4 | 6, 2)
    2 * (basic(1) | basic(2) | skip)
  }
  pool -> linear(classes)
}
network n : s {
  input video = video(4, 8, classes=3)
  stage a {
    skip
    first = conv(6, 1x3x3, stride=(1, 2, 2), padding=(0, 1, 1)) -> bn
    relu
    residual {
      conv(6, (1, 3, 3)) -> bn
      relu -> conv(6, 3x1x1, dilation=2x1x1, bias=false) -> bn -> relu
    }
  }
  pool
  linear(3)
}
"""
    )
    made = read(text, "n").claimed_choices() or {}
    assert made["a.head.c"] == "6"
    assert sorted(made[f"a.stack[{i}].op"] for i in range(2)) == ["basic(2)", "skip"]


def test_the_proof_takes_no_time_on_long_stacks() -> None:
    """60 copies with skips and a network of 30 layers: 2^60 ways to line them up."""
    lines = "\n".join(["basic(1)"] * 29 + ["basic(4)"])
    text = (
        BLOCKS
        + f"""
space s {{
  input clip = video(frames=4, size=8, classes=3)
  stage a {{ 60 * (basic(1) | basic(2) | skip) }}
  pool -> linear(classes)
}}
network n {{
  input clip = video(frames=4, size=8, classes=3)
  stage a {{ {lines} }}
  pool -> linear(classes)
}}
"""
    )
    with pytest.raises(VnsError, match="basic\\(4\\)"):
        read(text, "n").choices_in(read(text, "s"))


def test_of_many_layers_that_could_have_stood_there_the_first_are_named() -> None:
    widths = range(1, 21)
    text = f"""
space s {{
  input clip = video(frames=4, size=8, classes=3)
  stage a {{ {" | ".join(f"conv({width}, 1x1x1)" for width in widths)} }}
  pool -> linear(classes)
}}
network n {{
  input clip = video(frames=4, size=8, classes=3)
  stage a {{ conv(99, 1x1x1) }}
  pool -> linear(classes)
}}
"""
    with pytest.raises(VnsError) as caught:
        read(text, "n").choices_in(read(text, "s"))
    help = caught.value.diagnostics[0].help or ""
    named = [width for width in widths if f"`{width}`" in help]
    assert help.startswith("`channels` is `99`, the space has `1`, ")
    assert named == list(widths[: len(named)]) and help.endswith(f" or {len(widths) - len(named)} others")
