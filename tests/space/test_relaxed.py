"""What the gradient takes of spaces whose lines read each other, and what it says of the rest."""

from __future__ import annotations

import pytest

from tests.support import shipped_space
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import Diagnostic, VnsError
from vnasdsl.language.source import Source
from vnasdsl.relax.trellis import trellis

HEAD = "  input clip = video(frames=4, size=8, classes=3)\n"
BLOCKS = """\
block unit(c) { conv(c, 1x1x1) -> bn }
tied block cell(a, b) {
  p = a -> conv(4, 1x1x1)
  q = b -> conv(4, 1x1x1)
  n = sum(pick 1 of [p -> (none | skip | relu), q -> (none | skip)])
  out concat(n, q)
}
"""


def read(body: str) -> Space:
    lines = "".join(f"  {line.strip()}\n" for line in body.strip().splitlines())
    text = f"{BLOCKS}space s {{\n{HEAD}{lines}  pool -> linear(classes)\n}}\n"
    return load_source(Source("s.vns", text), None).get("s")


def refused(body: str) -> list[Diagnostic]:
    space = read(body)
    _ = space.cost  # it is a good space in itself
    with pytest.raises(VnsError) as caught:
        _ = space.plan
    for d in caught.value.diagnostics:
        assert "search NAME for SPACE { strategy = evolution }" in " ".join([d.help or "", *d.notes])
    return list(caught.value.diagnostics)


@pytest.mark.parametrize(
    ("body", "code", "message", "place"),
    [
        (
            "a = conv(4, 1x1x1)\nsum(pick 1..2 of [a, a -> relu])",
            "E0510",
            "a `pick` of one number or another has no mixture",
            "pick 1..2 of [a, a -> relu]",
        ),
        (
            "a = conv(4, 1x1x1)\nconcat(pick 1 of [a, a -> relu])",
            "E0510",
            "a `pick` that does not go straight into a `sum` has no mixture",
            "pick 1 of [a, a -> relu]",
        ),
        (
            "a = conv(4, 1x1x1)\nl = [pick 1 of [a, a -> relu]]\nsum(l)",
            "E0510",
            "a `pick` that does not go straight into a `sum` has no mixture",
            "pick 1 of [a, a -> relu]",
        ),
        (
            "a = conv(4, 1x1x1)\nsum(pick 1 of [a, a -> conv(8, 1x1x1)])\nconv(4, 1x1x1)",
            "E0501",
            "the edges of this `pick` differ in shape",
            "pick 1 of [a, a -> conv(8, 1x1x1)]",
        ),
        (
            "a = conv(4, 1x1x1)\nmean(1..3 * unit(4))",
            "E0510",
            "a choice of lists has no mixture: here of 1 or 2 or 3 values",
            "1..3",
        ),
        (
            "a = conv(4, 1x1x1)\nb = a -> conv(4 | 8, 1x1x1)\nconcat(a, b)",
            "E0501",
            "this choice changes the shape outside of a stage",
            "4 | 8",
        ),
    ],
)
def test_what_has_no_mixture(body: str, code: str, message: str, place: str) -> None:
    (d,) = refused(body)
    assert (d.code, d.message, d.primary.span.text if d.primary else "") == (code, message, place)


def test_every_line_in_the_way_is_told_once() -> None:
    """The two uses of the block have one line; the pick and the choice of channels are told beside it."""
    found = refused(
        """
        a = conv(4, 1x1x1)
        b = sum(pick 1..2 of [a, a -> relu])
        c = sum(pick 1..2 of [a, b -> (skip | relu)]) -> (conv(4, 1x1x1) | conv(6, 1x1x1))
        """
    )
    assert [(d.code, d.primary.span.text if d.primary else "") for d in found] == [
        ("E0510", "pick 1..2 of [a, a -> relu]"),
        ("E0510", "pick 1..2 of [a, b -> (skip | relu)]"),
        ("E0501", "(conv(4, 1x1x1) | conv(6, 1x1x1))"),
    ]


def test_a_stage_in_front_of_which_lines_are_read_makes_no_states() -> None:
    (d,) = refused(
        """
        a = conv(4, 1x1x1)
        stage s1 {
          a -> conv(4 | 8, 1x1x1)
        }
        """
    )
    assert d.code == "E0501" and d.help == "give all options one shape"
    assert any("read by name" in note for note in d.notes)


def test_states_in_front_of_which_the_clip_is_read_again() -> None:
    space = load_source(
        Source(
            "s.vns",
            f"""
space s {{
{HEAD}  stage s1 {{ conv(4 | 8, 1x1x1) }}
  stage s2 {{ concat(clip -> conv(4, 1x1x1), conv(4, 1x1x1)) }}
  pool -> linear(classes)
}}
""",
        ),
        None,
    ).get("s")
    with pytest.raises(VnsError) as caught:
        _ = space.plan
    (d,) = caught.value.diagnostics
    assert d.code == "E0510" and d.primary is not None and d.primary.span.text == "4 | 8"


@pytest.mark.parametrize(
    ("name", "line"), [("evanet", "1..6"), ("assemblenet", "pick 1..4 of"), ("tinyvideonet", "1 | 2 | 4")]
)
def test_spaces_of_the_other_papers(name: str, line: str) -> None:
    space = shipped_space(name)
    with pytest.raises(VnsError) as caught:
        _ = space.plan
    for d in caught.value.diagnostics:
        assert d.primary is not None and "strategy = evolution" in " ".join([d.help or "", *d.notes])
    first = caught.value.diagnostics[0]
    assert first.primary is not None
    source = first.primary.span
    assert line in source.text or line in "".join(source.source.text.splitlines()[source.line - 1])


def test_a_space_without_stages_is_one_state() -> None:
    space = read("a = clip -> conv(4, 1x1x1)\nb = cell(a, a)\ncell(a, b)\nconcat(clip, b)")
    ((stage,), (state,)) = (trellis(space).stages, trellis(space).stages[0].states)
    assert (stage.name, state.label, state.choices) == ("clip", "", ())
    assert [(m.name, m.on_edge, m.when) for m in state.mixtures] == [
        ("cell.n.p.op", True, (("cell.n.edges", "p"),)),
        ("cell.n.q.op", True, (("cell.n.edges", "q"),)),
    ]
    assert [(e.name, e.keep, e.mixtures, e.when) for e in state.edges] == [
        ("cell.n.edges", 1, ("cell.n.p.op", "cell.n.q.op"), ())
    ]


def test_uses_of_a_tied_block_under_different_options() -> None:
    space = read("a = conv(4, 1x1x1)\nb = (a -> unit(8) | cell(a, a) | cell(a, a) -> relu)\nsum(b, cell(a, a))")
    (state,) = trellis(space).stages[0].states
    edges = {e.choice: e for e in state.edges}
    assert len(edges) == len(state.edges) == 1
    assert edges["cell.n.edges"].places == (
        (("b.op", "cell(a, a)"),),
        (("b.op", "cell(a, a) -> relu"),),
        (),
    )


def test_edges_without_a_mixture_each_have_weights_of_their_own() -> None:
    for items in ("a, a -> relu", "a, a -> (skip | relu)", "a -> (skip | relu) -> (skip | relu), a -> (skip | relu)"):
        (state,) = trellis(read(f"a = conv(4, 1x1x1)\nb = sum(pick 1 of [{items}])")).stages[0].states
        assert state.edges[0].mixtures == ()
    (state,) = trellis(read("a = conv(4, 1x1x1)\nb = sum(pick 1 of [a -> (skip | relu)])")).stages[0].states
    assert state.edges[0].mixtures == ("b.a.op",)


def test_a_conditional_with_choices_is_the_side_that_is_taken() -> None:
    space = read("a = conv(4, 1x1x1)\n((skip | relu) if frames > 1 else (bn | relu | skip))")
    (state,) = trellis(space).stages[0].states
    assert [m.options for m in state.mixtures] == [("skip", "relu")]


def test_a_list_that_is_read_stands_for_its_values() -> None:
    space = read("l = [2 * unit(4)]\nsum(pick 1 of [l])")
    assert space.plan.stages[0].states[0].heads[0].elements == ()
    (state,) = trellis(space).stages[0].states
    assert [e.options for e in state.edges] == [("l[0]", "l[1]")]
