"""The demo's chain on the small space: what it compares, and that it is the same twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vnasdsl.api.requests import checked_recipe, evaluate_recipe, find_recipe
from vnasdsl.elaborate import load
from vnasdsl.searching import demonstration
from vnasdsl.searching.demonstration import demonstrate
from vnasdsl.train.progress import Reporter


@pytest.mark.slow
def test_the_searched_network_stands_beside_random_and_spatial_ones(
    space: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demonstration, "RANDOM_NETWORKS", 2)
    monkeypatch.setattr(demonstration, "SEEDS", 2)
    program = load(space)
    small = program.get()
    shared = {"pool": '"2"', "finalists": "2", "finalist_epochs": "1"}  # by finalists and all other trainings
    search = checked_recipe("search", find_recipe(program, "search", small), {"epochs": "1", **shared}, 5, None)
    after = checked_recipe("retrain", find_recipe(program, "retrain", small), {"epochs": "1"}, 5, None)
    recipes = {"search": search, "retrain": after, "evaluate": evaluate_recipe(None, after, {})}
    spatial = space.with_name("spatial.vns")
    spatial.write_text(
        "network flat {\n  input clip = video(frames=4, size=16)\n  conv(4, 1x3x3, stride=1x2x2) -> relu\n"
        "  pool -> linear(classes)\n}\n"
    )
    out = tmp_path / "demo"
    shown = demonstrate(space, spatial, recipes, f"synthetic:{videos}", out, 5, Reporter(quiet=True))
    assert [row.name for row in shown.rows] == [
        "searched, not retrained",
        "searched",
        "searched, from scratch",
        "random, median of 2",
        "random, best of 2",
        "no temporal operations",
    ]
    assert [row.weights for row in shown.rows] == ["search", "search", *["scratch"] * 4]
    assert shown.rows[1].macs == shown.rows[2].macs == load(out / "search" / "network.vns").get().macs[0]
    results = json.loads((out / "results.json").read_text())
    assert results["seed"] == 5 and results["chance"] == pytest.approx(1 / 3) and results["views"] == 2
    assert [row["name"] for row in results["networks"]] == [
        "searched",
        "searched, from scratch",
        "random 1",
        "random 2",
        "no temporal operations",
    ]
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in shown.pictures)
    assert results["verdict"].endswith("random ones of no fewer MACs (means of 2 trainings)")
    trainings = {
        "searched": ["searched"],
        "searched, from scratch": ["searched-from-scratch-5", "searched-from-scratch-6"],
        "random 1": ["random-1-5", "random-1-6"],
        "random 2": ["random-2-5", "random-2-6"],
        "no temporal operations": ["no-temporal-operations"],
    }
    for row in results["networks"]:
        folders = [out / "trained" / name for name in trainings[row["name"]]]
        scores = [json.loads((folder / "report.json").read_text())["top1"] for folder in folders]
        assert row["top1"] == pytest.approx(sum(scores) / len(scores))
