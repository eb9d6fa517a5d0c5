"""Networks of random spaces with named lines: their text, their graph, and the proof that they lie in the space.

Two networks are compared by networkx alone, which is told what a layer is and finds by itself whether the graphs match.
"""

from __future__ import annotations

import re
from random import Random

import networkx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.space.random_graphs import BLOCKS, graphs
from tests.space.random_spaces import examples
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.source import Source


def read(text: str, name: str | None = None) -> Space:
    return load_source(Source("made.vns", text), None).get(name)


def plain(network: Space) -> networkx.MultiDiGraph:
    """What runs: skips, sums of one thing and what does not lead to the output left out."""
    view = networkx.MultiDiGraph()
    given = network.graph
    for node in given.layers:
        view.add_node(node.label, is_=(node.operation, node.attributes, node.shape))
    for source, target, positions in given.edges(data="positions"):
        view.add_edges_from([(source, target)] * len(positions))
    for name in list(networkx.topological_sort(view)):
        operation = view.nodes[name]["is_"][0]
        if operation == "sum":
            nones = [s for s in view.predecessors(name) if view.nodes[s]["is_"][0] == "none"]
            if len(nones) < view.in_degree(name):
                view.remove_edges_from([(s, name) for s in nones for _ in range(view.number_of_edges(s, name))])
        if operation in ("skip", "sum") and view.in_degree(name) == 1 and view.out_degree(name):
            (source,) = view.predecessors(name)
            view.add_edges_from([(source, target) for _, target in view.out_edges(name)])
            view.remove_node(name)
    (end,) = [n for n in given if given.node(n).operation == "linear"]
    return view.subgraph({end, *networkx.ancestors(view, end)})


def same(a: Space, b: Space) -> bool:
    return networkx.is_isomorphic(plain(a), plain(b), node_match=lambda x, y: x["is_"] == y["is_"])


@given(graphs(), st.integers(0, 10**6))
@examples(120)
def test_the_text_of_a_network_is_that_network_and_it_lies_in_its_space(text: str, seed: int) -> None:
    space = read(text)
    random = Random(seed)
    for _ in range(3):
        made = space.complete({}, random)
        network = space.network(made, name="child")
        written = network.text()
        loaded = read(written, "child")
        assert loaded.text() == written, "printed again it is another text"
        assert (loaded.macs, loaded.params) == (network.macs, network.params)
        assert same(loaded, network)
        found = loaded.choices_in(space)
        again = space.network(found, name="child")
        assert same(again, loaded)
        assert (again.macs, again.params) == (loaded.macs, loaded.params)


@st.composite
def alike(draw: st.DrawFn) -> str:
    """Lists whose values are built alike from the same lines, joined whole or picked from."""
    streams = ["n0"]
    lines = []
    for i in range(draw(st.integers(2, 4))):
        copies = draw(st.sampled_from(["2", "3", "1..3"]))
        read = draw(st.lists(st.sampled_from(streams), min_size=1, max_size=3, unique=True))
        edges = ", ".join(f"{name} -> conv(4, 1x1x1)" for name in read)
        lines.append(f"l{i} = [{copies} * (sum(pick 1 of [{edges}]) -> unit(4, 1 | 3))]")
        joined = draw(st.sampled_from([f"mean(l{i})", f"sum(pick 1..2 of [l{i}])", f"concat(n0, l{i})"]))
        lines.append(f"m{i} = {joined} -> unit(4, 1)")
        streams.append(f"m{i}")
    lists = draw(st.lists(st.sampled_from([f"l{i}" for i in range(len(lines) // 2)]), max_size=2, unique=True))
    lines.append(f"concat({', '.join([*streams, *lists])}) -> conv(4, 1x1x1)")
    body = "\n".join(f"  {line}" for line in lines)
    head = "  input clip = video(frames=2, size=4, classes=3)\n  n0 = unit(4 | 6, 1)\n"
    return f"{BLOCKS}space made {{\n{head}{body}\n  pool -> linear(classes)\n}}\n"


@given(alike(), st.integers(0, 10**6), st.booleans())
@examples(60)
def test_a_network_with_lists_alike_is_found_whatever_its_lines_are_called(text: str, seed: int, named: bool) -> None:
    space = read(text)
    network = space.network(space.complete({}, Random(seed)), name="child")
    written = network.text()
    if not named:
        head, body = written.split("network child", 1)
        written = head + "network child" + re.sub(r"\b([lmn]\d)", r"other_\1", body)
    loaded = read(written, "child")
    assert same(space.network(loaded.choices_in(space)), loaded)


@given(graphs(), st.integers(0, 10**6), st.data())
@examples(80)
def test_a_changed_layer_leaves_the_space(text: str, seed: int, data: st.DataObject) -> None:
    """A kernel that the space has nowhere: the line where it is used is named."""
    space = read(text)
    network = space.network(space.complete({}, Random(seed)), name="child")
    written = network.text()
    body = written.index("network child")
    places = [m for m in re.finditer(r"conv\(4, 1x1x1\)|unit\(4, [13]\)", written) if m.start() > body]
    assume(places)
    place = data.draw(st.sampled_from(places))
    changed = f"{written[: place.start()]}conv(4, 1x1x3){written[place.end() :]}"
    other = read(changed, "child")
    with pytest.raises(VnsError) as raised:
        other.choices_in(space)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "E0601"
    assert diagnostic.primary is not None
    assume("could not decide" not in diagnostic.message)  # cells without edges have too many readings
    line = written.count("\n", 0, place.start()) + 1
    first = diagnostic.primary.span.line
    last = first + diagnostic.primary.span.text.count("\n")
    assert first <= line <= last
