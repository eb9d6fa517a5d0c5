"""The graph of one network: its costs, what is in it, and that the text of the same network gives the same graph."""

from __future__ import annotations

from random import Random

import networkx as nx
import pytest

from tests.support import ROOT
from vnasdsl.elaborate import load, load_source
from vnasdsl.language.source import Source
from vnasdsl.network.graph import matching

SPACES = ("tiny", "x3d3", "evanet_tiny", "peng2019_tiny", "assemblenet_tiny", "tinyvideonet_tiny")
NETWORKS = {
    "x3d3_k400": (15_783_796_736, 13_447_792),
    "evanet_a": (142_707_956_064, 32_804_188),
    "assemblenet50": (250_453_596_160, 37_273_903),
    "tvn1": (4_326_160_640, 26_414_721),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_totals_are_the_published_ones(name: str) -> None:
    graph = load(ROOT / f"spaces/{name}.vns").get().graph
    assert (graph.macs, graph.params) == NETWORKS[name]


@pytest.mark.parametrize("name", SPACES)
def test_a_chosen_network_and_its_text_are_one_graph(name: str) -> None:
    space = load(ROOT / f"spaces/{name}.vns").get()
    random = Random(7)
    for _ in range(6):
        choices = space.sample(random)
        graph = space.choose(choices)
        again = space.network(choices).graph
        assert graph.choices == choices
        assert matching(graph, again) is not None
        assert graph.fingerprint == again.fingerprint
        assert graph.totals == again.totals


def test_different_networks_do_not_match() -> None:
    space = load(ROOT / "spaces/tiny.vns").get()
    random = Random(0)
    graphs = [space.choose(space.sample(random)) for _ in range(30)]
    for i, a in enumerate(graphs):
        for b in graphs[:i]:
            assert (matching(a, b) is None) == (a.fingerprint != b.fingerprint)
    assert len({graph.fingerprint for graph in graphs}) > 10


def test_the_graph_is_one_of_networkx() -> None:
    graph = load(ROOT / "spaces/x3d3_k400.vns").get().graph
    assert nx.is_directed_acyclic_graph(graph)
    order = {node.label: i for i, node in enumerate(graph.order)}
    assert all(order[source] < order[target] for source, target in graph.edges)
    assert graph.live == set(graph)
    first = graph.node("clip")
    assert (first.operation, first.shape) == ("input", (3, 16, 224, 224))
    longest = nx.dag_longest_path(graph)
    assert longest[0] == "clip" and longest[-1] == graph.output


def test_what_nothing_reads_counts_for_nothing() -> None:
    text = """network n {
  input clip = video(frames=4, size=8, classes=3)
  a = conv(4, 1x1x1)
  b = clip -> conv(8, 1x1x1)
  a -> pool -> linear(classes)
}
"""
    graph = load_source(Source("n.vns", text), None).get().graph
    assert [n.operation for n in graph.order] == ["input", "conv", "pool", "linear"]
    assert graph.params == 3 * 4 + 4 * 3 + 3
