"""Choices of edges: which of them are kept, and what they do, against a search through everything."""

from __future__ import annotations

import itertools
import random

import pytest

from vnasdsl.derive import decode
from vnasdsl.language.diagnostics import UserError
from vnasdsl.relax.trellis import Edges, Mixture, Stage, State, Trellis

OPERATIONS = ("none(stride=(1, 2, 2))", "skip", "conv(8, 3x3x3)")
PATHS = {"s": [[1.0]]}


def node(sources: tuple[str, ...], keep: int, where: tuple[tuple[str, str], ...] = ()) -> State:
    """One node: a mixture on every edge into it."""
    mixtures = tuple(
        Mixture(f"n.{s}.op", f"n.{s}.op", OPERATIONS, (*where, ("n.edges", s)), on_edge=True) for s in sources
    )
    edges = Edges("n.edges", "n.edges", sources, keep, tuple(m.name for m in mixtures), where)
    return State("", (), mixtures, (edges,))


def trellis(*states: State) -> Trellis:
    return Trellis((Stage("s", states),))


@pytest.mark.parametrize("seed", range(40))
def test_the_strongest_edges_are_kept_with_their_strongest_operation(seed: int) -> None:
    drawn = random.Random(seed)
    sources = ("a", "b", "n1", "n2", "n3")[: drawn.randint(1, 5)]
    keep = drawn.randint(1, len(sources))
    rows = {f"n.{s}.op": [drawn.random() for _ in OPERATIONS] for s in sources}
    best, value = None, -1.0
    for taken in itertools.combinations(sources, keep):
        for operations in itertools.product((1, 2), repeat=keep):  # never `none`
            total = sum(rows[f"n.{s}.op"][o] for s, o in zip(taken, operations, strict=True))
            if total > value:
                made = {f"n.{s}.op": OPERATIONS[o] for s, o in zip(taken, operations, strict=True)}
                best, value = {"n.edges": " + ".join(taken), **made}, total
    assert decode(trellis(node(sources, keep)), PATHS, rows).choices == best


def test_none_does_not_count_however_strong() -> None:
    rows = {"n.a.op": [0.98, 0.01, 0.01], "n.b.op": [0.1, 0.5, 0.4], "n.n1.op": [0.9, 0.02, 0.08]}
    decoded = decode(trellis(node(("a", "b", "n1"), 2)), PATHS, rows)
    assert decoded.choices == {"n.edges": "b + n1", "n.b.op": "skip", "n.n1.op": "conv(8, 3x3x3)"}


def test_ties_go_to_what_stands_first() -> None:
    rows = dict.fromkeys(("n.a.op", "n.b.op", "n.n1.op"), [1 / 3] * 3)
    decoded = decode(trellis(node(("a", "b", "n1"), 2)), PATHS, rows)
    assert decoded.choices == {"n.edges": "a + b", "n.a.op": "skip", "n.b.op": "skip"}


def test_an_edge_of_nothing_but_none_has_it() -> None:
    mixture = Mixture("n.a.op", "n.a.op", ("none", "none(stride=(1, 2, 2))"), (("n.edges", "a"),), on_edge=True)
    state = State("", (), (mixture,), (Edges("n.edges", "n.edges", ("a",), 1, ("n.a.op",)),))
    assert decode(trellis(state), PATHS, {"n.a.op": [0.3, 0.7]}).choices == {
        "n.edges": "a",
        "n.a.op": "none(stride=(1, 2, 2))",
    }


def test_a_mixture_on_no_edge_may_be_none() -> None:
    state = State("", (), (Mixture("m.op", "m.op", OPERATIONS),))
    assert decode(trellis(state), PATHS, {"m.op": [0.6, 0.3, 0.1]}).choices == {"m.op": OPERATIONS[0]}


def test_edges_with_weights_of_their_own() -> None:
    state = State("", (), (), (Edges("n.edges", "n.edges", ("r0", "r1", "f2"), 2),))
    assert decode(trellis(state), PATHS, {"n.edges": [0.5, 0.9, 0.6]}).choices == {"n.edges": "r1 + f2"}
    for wrong in ({}, {"n.edges": [0.5, 0.5]}):
        with pytest.raises(UserError, match="no weights for the 3 options"):
            decode(trellis(state), PATHS, wrong)


def test_edges_inside_an_option_that_is_not_taken_make_no_choice() -> None:
    outer = Mixture("m.op", "m.op", ("cell", "relu"))
    inner = node(("a", "b"), 1, (("m.op", "cell"),))
    state = State("", (), (outer, *inner.mixtures), inner.edges)
    rows = {"n.a.op": [0.1, 0.2, 0.7], "n.b.op": [0.1, 0.1, 0.8]}
    assert decode(trellis(state), PATHS, {"m.op": [0.2, 0.8], **rows}).choices == {"m.op": "relu"}
    assert decode(trellis(state), PATHS, {"m.op": [0.8, 0.2], **rows}).choices == {
        "m.op": "cell",
        "n.edges": "b",
        "n.b.op": OPERATIONS[2],
    }


def test_a_tied_choice_counts_where_any_of_its_uses_is() -> None:
    outer = Mixture("m.op", "m.op", ("one", "two", "relu"))
    tied = Mixture("cell.op", "cell.op", ("x", "y"), (("m.op", "one"),), ((("m.op", "two"),),))
    state = State("", (), (outer, tied))
    for taken, there in (("one", True), ("two", True), ("relu", False)):
        weights = [float(option == taken) for option in outer.options]
        decoded = decode(trellis(state), PATHS, {"m.op": weights, "cell.op": [0.4, 0.6]})
        assert decoded.choices == {"m.op": taken, **({"cell.op": "y"} if there else {})}
