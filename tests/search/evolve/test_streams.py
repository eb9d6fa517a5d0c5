"""A space of streams: edges, a real choice, a searched input; learned edges come back to the choices they are of."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tests.search.evolve.conftest import Search, trials
from tests.support import ROOT
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.searching.evolve.history import Record
from vnasdsl.searching.evolve.propose import Population, Proposer, child
from vnasdsl.searching.evolve.trial import edges_by_choice, network_of
from vnasdsl.train.generated import build
from vnasdsl.train.recipe_parts import Edges
from vnasdsl.train.recipes import EvolutionRecipe

STREAMS = ROOT / "tests" / "search" / "evolve" / "streams.vns"


@pytest.fixture(scope="module")
def space() -> Space:
    return load(STREAMS, Overrides(classes=3)).get()


def width(source: str, choices: dict[str, str]) -> int:
    """The channels of what an edge reads."""
    return {"r0": 4, "f0": 6}.get(source) or int(choices[f"{source}.conv.channels"])


def test_weights_come_back_to_the_choice_that_took_the_edges(space: Space) -> None:
    """Every fusion says the widths of its inputs; as weights they must come out as the widths of the edges taken."""
    several = 0
    for seed in range(40):
        choices = Proposer(space).propose(0, 0, Random(seed)).choices
        network = space.network(choices)
        fusions = [module for module in build(network_of(network.text(), 3)).modules() if hasattr(module, "edges")]
        learned = [[width / 100 for width in fusion.widths] for fusion in fusions]  # type: ignore[union-attr]
        found = edges_by_choice(space.choose(choices), learned)
        assert len(found) == len(fusions)
        for name, weights in found.items():
            assert weights == [width(source, choices) / 100 for source in choices[name].split(" + ")]
        several += len(found) > 2
    assert several > 5


def test_weights_that_do_not_fit_are_of_nothing(space: Space) -> None:
    choices = next(
        made
        for seed in range(50)
        if "+" in (made := Proposer(space).propose(0, 0, Random(seed)).choices)["fused.edges"]
    )
    assert edges_by_choice(space.choose(choices), [[0.5] * 9]) == {}
    assert edges_by_choice(space.choose(choices), []) == {}


def test_children_lie_in_the_space_whatever_is_mutated(space: Space) -> None:
    population = Population(6, 2, aging=True)
    for seed in range(6):
        choices = Proposer(space).propose(0, 0, Random(seed)).choices
        learned = {name: [0.5] * len(value.split(" + ")) for name, value in choices.items() if name.endswith(".edges")}
        population.add(Record(seed, "trained", (), (), choices, fitness=seed / 6, edges=learned))
    recipe = EvolutionRecipe(strength=2.0, crossover=0.2, guide=Edges())
    kinds = set()
    for seed in range(120):
        proposal = child(space, population, recipe, 0, Random(seed))
        network = space.network(proposal.choices)
        assert [d for d in network.check() if d.severity == "error"] == []
        assert network.claimed_choices() is not None
        kinds |= {text.split()[0] for text in proposal.mutations}
    assert kinds == {
        "resample", "step", "jitter", "insert", "delete", "edge", "split", "merge", "crossover", "guide",
    }  # fmt: skip


def test_a_search_learns_edges_and_is_guided_by_them(search: Search) -> None:
    run = search("run", "rounds=10", "epochs=2", text=STREAMS)
    records = {record["id"]: record for record in trials(run)}
    trained = [record for record in records.values() if record["status"] == "trained"]
    learned = [record for record in trained if "edges" in record]
    assert len(learned) > 4
    for record in learned:
        for name, weights in record["edges"].items():
            assert len(weights) == len(record["choices"][name].split(" + "))
            assert all(0 < weight < 1 for weight in weights)
    assert any(weight != 0.5 for record in learned for weights in record["edges"].values() for weight in weights)
    for record in records.values():
        guided = [text for text in record["mutations"] if text.startswith("guide")]
        parents = [records[parent] for parent in record["parents"]]
        assert len(guided) == (1 if parents and "edges" in parents[0] else 0)
    frames = {record["choices"]["clip.frames"] for record in trained}
    assert frames <= {"2", "4"}
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert report["inference"]["videos"] > 0


def test_members_of_an_ensemble_may_have_other_inputs(search: Search, tmp_path: Path) -> None:
    run = search("run", "strategy=random", "rounds=6", "ensemble=4", text=STREAMS)
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    texts = [(run / member["file"]).read_text(encoding="utf-8") for member in report["ensemble"]["members"]]
    assert len({text.count("frames=2") for text in texts}) == 2  # else this seed shows nothing: take another
    assert report["ensemble"]["inference"]["videos"] == report["inference"]["videos"]
