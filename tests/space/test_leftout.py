"""What a space costs at least and at most holds for the texts of its networks, which leave out what nothing reads."""

from __future__ import annotations

from random import Random

from hypothesis import assume, given

from tests.space.random_spaces import examples
from tests.space.test_wired_spaces import built
from tests.space.wired_spaces import Graph, graphs
from vnasdsl.elaborate import load_source
from vnasdsl.language.source import Source

STREAMS = """\
space streams {
  input clip = video(frames=4, size=8, classes=3)
  a = clip -> conv(4, 3x3x3)
  b = clip -> conv(4, 1x1x1)
  c = b -> conv(4, 5x5x5)
  sum(pick 1..2 of [a, c]) -> pool -> linear(classes)
}
"""


def test_a_stream_that_no_edge_reads_costs_nothing() -> None:
    space = load_source(Source("streams.vns", STREAMS), None).get()
    costs = {made["sum.edges"]: space.network(made).macs[0] for made in space.networks()}
    assert set(costs) == {"a", "c", "a + c"}
    assert len(set(costs.values())) == 3
    assert space.macs[0] <= min(costs.values()) and space.macs[1] == max(costs.values())
    assert "macs_min" not in space.exact_ends, "it is no more than a bound"


@given(graphs())
@examples(40)
def test_the_texts_of_networks_keep_the_bounds(graph: Graph) -> None:
    space, faults = built(graph.text())
    assume(not faults and space.kind == "space" and space.costed)
    for seed in range(4):
        network = space.network(space.complete({}, Random(seed)))
        assert space.macs[0] <= network.macs[0] <= space.macs[1]
        assert space.params[0] <= network.params[0] <= space.params[1]
