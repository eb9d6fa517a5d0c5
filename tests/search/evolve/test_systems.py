"""The small siblings of published spaces, searched on real videos: each ends with a trained network that lies in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.search.evolve.conftest import Search, trials
from tests.support import ROOT
from vnasdsl.elaborate import Overrides, load
from vnasdsl.network.graph import matching

SPACES = ("evanet_tiny", "assemblenet_tiny", "tinyvideonet_tiny")


@pytest.mark.parametrize("name", SPACES)
def test_a_search_by_its_own_recipe(name: str, search: Search) -> None:
    text = ROOT / "spaces" / f"{name}.vns"
    run = search("run", "rounds=4", "population=2", "sample=2", "epochs=1", "workers=0", text=text)
    trained = [record for record in trials(run) if record["status"] == "trained"]
    assert len(trained) == 4 and sum(bool(record["parents"]) for record in trained) == 2
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert report["strategy"] == "evolution" and 0 <= report["inference"]["top1"] <= 1
    space = load(text, Overrides(classes=3)).get()
    network = load(run / "network.vns", Overrides(classes=3)).get()
    assert matching(network.graph, space.choose(report["choices"])) is not None
    assert (run / "network.safetensors").stat().st_size > 4 * network.params[0]


def test_every_sibling_with_a_recipe_for_evolution_is_searched() -> None:
    found = {
        path.stem
        for path in Path(ROOT / "spaces").glob("*_tiny.vns")
        if "strategy = evolution" in path.read_text(encoding="utf-8")
    }
    assert found == set(SPACES)
