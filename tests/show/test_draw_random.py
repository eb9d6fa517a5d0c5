"""Random spaces: their pictures and tables can be made, and nothing lies on top of anything else."""

from __future__ import annotations

from random import Random
from xml.etree import ElementTree

from hypothesis import given

from tests.show.test_draw import assert_tidy, learnt_of, through_boxes
from tests.space.random_graphs import graphs
from tests.space.random_spaces import Made, examples, spaces
from vnasdsl.elaborate import load_source
from vnasdsl.language.source import Source
from vnasdsl.relax.trellis import trellis
from vnasdsl.show.draw.formats import dot, mermaid, svg
from vnasdsl.show.draw.network import network_picture
from vnasdsl.show.draw.trellis import trellis_picture
from vnasdsl.show.emit import emit_graph, emit_space
from vnasdsl.show.table import WIDTH, as_table, layer_table


@examples(25)
@given(spaces())
def test_pictures_and_tables_of_random_spaces(made: Made) -> None:
    space = load_source(Source("random.vns", made.text), None).get()
    assert max(map(len, as_table(space).splitlines())) <= WIDTH
    assert space.name in layer_table(space)
    network = space if space.kind == "network" else space.network(space.sample(Random(1)))
    drawn = [network_picture(network), network_picture(network, layers=True)]
    if space.kind == "space":
        plain, searched = trellis_picture(space), trellis_picture(space, learnt_of(space))
        states = sum(len(stage.states) for stage in trellis(space).stages)
        assert sum(node.role == "state" for node in plain.things) == states
        drawn += [plain, searched, network_picture(space), network_picture(space, layers=True)]
    for picture in drawn:
        assert_tidy(picture)
        ElementTree.fromstring(svg(picture))
        assert mermaid(picture).startswith("---\n")
        assert dot(picture).startswith("digraph ")
    for choice in space.choices:
        assert choice.name in emit_space(space)
    assert emit_graph(space).count("\nnode ") == len(space.outline.order)


@examples(25)
@given(graphs())
def test_pictures_of_random_graphs(text: str) -> None:
    space = load_source(Source("made.vns", text), None).get()
    network = space.network(space.complete({}, Random(1)))
    for picture in (network_picture(each, layers) for each in (space, network) for layers in (False, True)):
        assert_tidy(picture)
        assert not through_boxes(picture)
        ElementTree.fromstring(svg(picture))
