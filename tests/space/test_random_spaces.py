"""Size, costs, membership and text of random spaces, against the brute force of `random_spaces`."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import networkx
from hypothesis import given

from tests.space.random_spaces import CLASSES, Made, examples, shuffled, spaces
from vnasdsl.elaborate import Space
from vnasdsl.elaborate.program import load_source
from vnasdsl.language.source import Source


def read(text: str, name: str | None = None) -> Space:
    return load_source(Source("made.vns", text), None).get(name)


def layers(network: Space) -> list[tuple[object, ...]]:
    """What the layers of a network are, whatever they are called."""
    rows = network.layers()
    return [(r.operation, r.attributes, r.input_shape, r.shape) for r in rows if r.operation != "skip"]


@given(spaces())
@examples(60)
def test_size_and_costs_are_those_of_brute_force(made: Made) -> None:
    space = read(made.text)
    assert space.size == made.size
    ways = list(space.networks())
    assert len(ways) == made.size
    assert len({tuple(sorted(way.items())) for way in ways}) == made.size, "two networks have the same choices"
    expected = made.costs()
    assert space.macs == (min(m for m, _ in expected), max(m for m, _ in expected))
    assert space.params == (min(p for _, p in expected), max(p for _, p in expected))
    got = sorted((graph.macs, graph.params) for graph in map(space.choose, ways))
    assert got == expected


@given(spaces(most=40))
@examples(40)
def test_every_network_lies_in_its_space_and_can_be_read_again(made: Made) -> None:
    space = read(made.text)
    for way in shuffled(list(space.networks()), 8):
        network = space.network(way, name="child")
        assert network.kind == "network" and network.size == 1
        found = network.choices_in(space)
        again = space.network(found, name="child")
        assert layers(again) == layers(network)
        text = network.text()
        loaded = read(text)
        assert loaded.text() == text, "printed again it is another text"
        assert (loaded.macs, loaded.params) == (network.macs, network.params)
        assert layers(loaded) == layers(network)
        assert layers(space.network(loaded.choices_in(space))) == layers(network)


@given(spaces(most=16))
@examples(20)
def test_fixing_keeps_names_and_leaves_what_it_says(made: Made) -> None:
    space = read(made.text)
    names = {c.name: set(c.options) for c in space.choices}
    everything = [dict(way) for way in space.networks()]
    for choice in space.choices[:4]:
        for option in choice.options[:2]:
            fixed = space.fix({choice.name: [option]})
            assert all(set(c.options) <= names[c.name] for c in fixed.choices)
            kept = [way for way in everything if way.get(choice.name, option) == option]
            assert fixed.size == len(kept)
            got = Counter(layers_key(fixed, way) for way in shuffled(list(fixed.networks()), 10**9))
            assert got == Counter(layers_key(space, way) for way in kept)


def layers_key(space: Space, way: dict[str, str]) -> str:
    return repr(layers(space.network(way) if space.choices else space))


@given(spaces())
@examples(30)
def test_samples_are_networks_of_the_space(made: Made) -> None:
    space = read(made.text)
    ways = {tuple(sorted(way.items())) for way in space.networks()}
    drawn = random.Random(1)
    for _ in range(10):
        assert tuple(sorted(space.sample(drawn).items())) in ways


@given(spaces(most=30))
@examples(40)
def test_graph_is_consistent(made: Made) -> None:
    space = read(made.text)
    networks = [space.network(way) for way in shuffled(list(space.networks()), 3)]
    for net in [space, *networks]:
        view = net.outline
        assert networkx.is_directed_acyclic_graph(view)
        assert networkx.is_weakly_connected(view)
        for source, target in view.edges:
            assert view.node(source).shape == view.node(target).input_shape
        ends = [n for n in view if view.out_degree(n) == 0]
        assert len(ends) == 1 and view.node(ends[0]).shape == (CLASSES,)
        assert [n for n in view if view.in_degree(n) == 0] == ["clip"]
    for net in networks:
        rows = net.layers()
        assert sum(r.macs for r in rows) == net.macs[0]
        assert sum(r.params for r in rows) == net.params[0]


@given(spaces(most=40))
@examples(20)
def test_the_text_of_a_space_can_be_read_again(made: Made) -> None:
    space = read(made.text)
    text = space.text()
    again = read(text)
    assert again.text() == text
    assert (again.size, again.macs, again.params) == (space.size, space.macs, space.params)
    assert again.choices == space.choices


def test_a_claim_with_an_import_is_written_down_and_proven(tmp_path: Path) -> None:
    from tests.support import ROOT
    from vnasdsl.elaborate import load

    text = (ROOT / "spaces" / "tiny.vns").read_text()
    (tmp_path / "tiny.vns").write_text(text)
    space = load(tmp_path / "tiny.vns").get()
    network = space.network(space.sample(random.Random(3)), name="child")
    (tmp_path / "child.vns").write_text(network.text(import_path="tiny.vns"))
    loaded = load(tmp_path / "child.vns").get()
    assert loaded.claim is not None and loaded.claim.name == "tiny"
    assert (loaded.macs, loaded.params) == (network.macs, network.params)
    assert space.network(loaded.claimed_choices() or {}, name="child").text() == network.text()
