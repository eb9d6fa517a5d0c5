"""Whole searches by trials: what is in the run, and that it says what happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from tests.search.evolve.conftest import LISTS, Search, searched, trials
from tests.support import some_slow
from vnasdsl.data import FaultLog, open_data, three_way_split
from vnasdsl.elaborate import Overrides, load
from vnasdsl.searching.evolve.bounds import Candidate
from vnasdsl.train.clips import clip_shape, evaluation_views
from vnasdsl.train.generated import load_class
from vnasdsl.train.recipe_text import read_recipes, resolve_recipe
from vnasdsl.train.recipes import SearchRecipe

PNG = b"\x89PNG\r\n\x1a\n"


def test_the_run_folder(evolved: Path) -> None:
    names = {path.name for path in evolved.iterdir()}
    assert {"run.json", "space.vns", "recipe.vns", "trials.jsonl", "times.jsonl", "network.vns", "network.py"} < names
    assert {"network.safetensors", "report.json", "report.txt", "choices.json", "pareto.png", "family.png"} < names
    for picture in ("pareto.png", "family.png"):
        assert (evolved / picture).read_bytes().startswith(PNG)
    records = trials(evolved)
    assert sum(record["status"] == "trained" for record in records) == 10
    assert sorted(record["id"] for record in records) == list(range(len(records)))
    times = [json.loads(line) for line in (evolved / "times.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in times] == [r["id"] for r in records if r["status"] == "trained"]
    assert all(line["attempts"] == 1 and line["seconds"] > 0 for line in times)


def test_every_record_is_true(evolved: Path) -> None:
    space = load(LISTS, Overrides(classes=3)).get()
    fingerprints: dict[str, int] = {}
    drawn = 0
    for record in trials(evolved):
        network = space.network(record["choices"])
        assert (record["macs"], record["params"]) == (network.macs[0], network.params[0])
        if record["parents"]:
            parents = {r["id"]: r for r in trials(evolved)}
            assert all(parents[p]["status"] == "trained" and p < record["id"] for p in record["parents"])
            assert record["mutations"]
        else:
            drawn += record["status"] == "trained" and "twin" not in record
        match record["status"]:
            case "trained":
                assert record["text"] == network.text()
                assert record["params"] <= 700 and record["fitness"] == record["score"]["top1"]
                assert record.get("twin") == fingerprints.get(record["fingerprint"])  # the last one is trained again
                fingerprints.setdefault(record["fingerprint"], record["id"])
            case "dropped":
                assert record["params"] > 700 and record["limit"] == "params <= 700" and "score" not in record
            case "duplicate":
                assert record["twin"] == fingerprints[Candidate(space, record["choices"]).fingerprint]
            case other:
                pytest.fail(f"unexpected {other}")
    assert drawn == 4  # the first population


def test_the_report_counts_and_names_the_best(evolved: Path) -> None:
    records = trials(evolved)
    trained = [record for record in records if record["status"] == "trained"]
    *first, again = trained
    best = min(first, key=lambda r: (-r["fitness"], r["macs"], r["id"]))
    assert again["twin"] == best["id"] and again["choices"] == best["choices"]  # a tenth of the rounds
    report = json.loads((evolved / "report.json").read_text(encoding="utf-8"))
    assert report["trial"] == best["id"] and report["choices"] == best["choices"]
    assert (evolved / "network.vns").read_text(encoding="utf-8") == best["text"]
    dropped = sum(record["status"] == "dropped" for record in records)
    duplicates = sum(record["status"] == "duplicate" for record in records)
    assert report["dropped"] == {"params <= 700": dropped} and dropped > 0
    counts = (report["drawn"], report["trained"], report["duplicates"], report["failed"])
    assert counts == (len(records), 9, duplicates, 0) and report["again"] == 1
    assert report["fitness"] == pytest.approx((best["fitness"] + again["fitness"]) / 2)
    output = (evolved.parent / "output.txt").read_text(encoding="utf-8")
    assert f"best of 9 trained networks: #{best['id']}, " in output
    assert f"{dropped} dropped ({dropped} by `params <= 700`)" in output
    assert "with weights from its own short training" in output


def test_the_ensemble_is_the_mean_of_the_softmax_of_its_members(evolved: Path, videos: Path) -> None:
    report = json.loads((evolved / "report.json").read_text(encoding="utf-8"))
    members = report["ensemble"]["members"]
    trained = [record for record in trials(evolved) if record["status"] == "trained" and "twin" not in record]
    ranked = sorted(trained, key=lambda r: (-r["fitness"], r["macs"], r["id"]))
    assert [member["trial"] for member in members] == [record["id"] for record in ranked[:3]]
    recipe = resolve_recipe("search", read_recipes(evolved / "recipe.vns")["search"])
    assert isinstance(recipe, SearchRecipe)
    inference = three_way_split(open_data(f"synthetic:{videos}").train, recipe.split, recipe.seed)[2]
    views = list(evaluation_views(inference, clip_shape(load(LISTS).get().inputs.given, recipe), recipe, FaultLog()))
    labels = torch.cat([labels for _, labels, _ in views])  # one view of each video
    together = torch.zeros(len(labels), 3, dtype=torch.float64)
    for member in members:
        code = (evolved / member["file"]).with_suffix(".py")
        model = load_class(code.read_text(encoding="utf-8"), "Network", code)()
        model.load_state_dict(load_file((evolved / member["file"]).with_suffix(".safetensors")))
        with torch.no_grad():
            scores = torch.cat([F.softmax(model.eval()(clips).double(), dim=1) for clips, _, _ in views])
        assert (scores.argmax(1) == labels).double().mean().item() == pytest.approx(member["top1"])
        together += scores / len(members)
    loss = -together[torch.arange(len(labels)), labels].log().mean().item()
    assert report["ensemble"]["inference"]["loss"] == pytest.approx(loss, rel=1e-6)
    assert report["ensemble"]["inference"]["videos"] == len(labels)
    # The best is also the first member, so it has the same accuracy as in the report.
    assert report["inference"]["top1"] == members[0]["top1"]


def test_only_weights_that_are_needed_are_kept(evolved: Path) -> None:
    report = json.loads((evolved / "report.json").read_text(encoding="utf-8"))
    kept = {int(path.stem) for path in (evolved / "weights").iterdir()}
    last = {record.get("twin", record["id"]): record["id"] for record in trials(evolved) if "score" in record}
    assert kept == {last[member["trial"]] for member in report["ensemble"]["members"]}


@pytest.mark.parametrize("strategy", some_slow(["evolution", "random"], ["random"]))
def test_the_same_seed_gives_the_same_history(strategy: str, search: Search) -> None:
    settings = [f"strategy={strategy}", "rounds=6", *(["population=3"] if strategy == "evolution" else [])]
    one, two = search("one", *settings), search("two", *settings)
    other = search("other", *settings, "seed=1")
    for name in (
        "trials.jsonl",
        "network.vns",
        "network.py",
        "choices.json",
        "report.json",
        "pareto.png",
        "family.png",
    ):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    weights = [load_file(run / "network.safetensors") for run in (one, two)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert trials(one) != trials(other)


@pytest.mark.slow
def test_two_workers_train_as_one_does(search: Search) -> None:
    """Random draws do not depend on results, so the networks and their scores are the same, in any order."""
    one = search("one", "strategy=random", "rounds=5")
    two = search("two", "strategy=random", "rounds=5", "--workers=2")
    key = "id"
    assert sorted(trials(one), key=lambda r: r[key]) == sorted(trials(two), key=lambda r: r[key])


def test_random_search_has_no_parents_and_the_same_limits(search: Search) -> None:
    run = search("random", "strategy=random", "rounds=5", "limits.macs=200K")
    records = trials(run)
    assert all(record["parents"] == [] and record["mutations"] == [] for record in records)
    assert all((record["macs"] > 200_000) == (record["status"] == "dropped") for record in records)
    assert {record["status"] for record in records} >= {"trained", "dropped"}


def test_children_can_start_from_their_parents_weights(search: Search, videos: Path, tmp_path: Path) -> None:
    run = search("inherit", "rounds=6", "population=2", "inherit=true", "mutations=(resample)")
    times = {}
    for line in (run / "times.jsonl").read_text(encoding="utf-8").splitlines():
        values = json.loads(line)
        times[values["id"]] = values["inherited"]
    for record in trials(run):
        if record["status"] == "trained":
            assert (times[record["id"]] > 0) == bool(record["parents"])


def test_an_objective_weighs_cost(search: Search) -> None:
    run = search("score", "rounds=5", "objective=score(cost=params, weight=0.5)")
    trained = [record for record in trials(run) if record["status"] == "trained"]
    from math import log10

    for record in trained:
        assert record["fitness"] == pytest.approx(record["score"]["top1"] - 0.5 * log10(record["params"]))
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    assert report["fitness"] == max(record["fitness"] for record in trained)


def test_a_space_whose_networks_are_all_drawn_ends_the_search(search: Search, tmp_path: Path) -> None:
    text = LISTS.read_text(encoding="utf-8").replace("1..2 * unit(2 | 4 | 8, 1 | 2)", "unit(2 | 4 | 8, 1)")
    (tmp_path / "three.vns").write_text(text, encoding="utf-8")
    for strategy in ("evolution", "random"):
        settings = ["population=2"] if strategy == "evolution" else []
        run = search(strategy, f"strategy={strategy}", "rounds=9", *settings, text=tmp_path / "three.vns")
        trained = {record["choices"]["s2.unit.channels"] for record in trials(run) if record["status"] == "trained"}
        assert trained == {"2", "4", "8"}


def test_limits_that_nothing_meets_are_told_before_anything_is_written(videos: Path, tmp_path: Path) -> None:
    result = searched(tmp_path / "run", videos, "limits.params=10")
    assert result.exit_code == 1 and not (tmp_path / "run").exists()
    assert "error: no network of `lists` meets `params <= 10`: the smallest has " in result.output


def test_two_limits_that_no_network_meets_together(videos: Path, tmp_path: Path) -> None:
    # Cheap in parameters or cheap in MACs, but neither reaches the other's limit: the space asks for many MACs.
    text = LISTS.read_text(encoding="utf-8").replace("  stage s1", "  require macs >= 400K\n  stage s1", 1)
    (tmp_path / "both.vns").write_text(text, encoding="utf-8")
    result = searched(tmp_path / "run", videos, "limits.params=400", text=tmp_path / "both.vns")
    assert result.exit_code == 1, result.output
    assert "networks drawn from `lists` meets the limits: " in result.output
    assert "broke `params <= 400` (the smallest found has " in result.output
    assert "broke `macs >= 400K` (the largest found has " in result.output


def test_a_limit_on_a_gpu_needs_one(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = searched(tmp_path / "run", videos, "limits.latency_gpu=5ms")
    assert result.exit_code == 1 and "`latency_gpu` cannot be measured: this machine has no GPU" in result.output
    assert not (tmp_path / "run").exists()


def test_workers_of_the_gradient_are_a_number(videos: Path, space: Path, tmp_path: Path) -> None:
    result = searched(tmp_path / "run", videos, "--workers=ray:2", text=space)
    assert result.exit_code == 1 and "the strategy `gradient` has no trials to share out" in result.output


def test_workers_that_are_nothing(videos: Path, tmp_path: Path) -> None:
    result = searched(tmp_path / "run", videos, "--workers=many")
    assert result.exit_code == 1 and "workers must be N, ray:N or ray://host:port, not `many`" in result.output


def test_a_recipe_for_the_gradient_is_searched_by_evolution_all_the_same(search: Search, space: Path) -> None:
    """Keys that only the gradient has are left aside, and `epochs`, which says another thing to it."""
    run = search("run", "strategy=evolution", "rounds=2", "population=2", text=space)
    recipe = json.loads((run / "recipe.json").read_text(encoding="utf-8"))["search"]
    assert recipe["epochs"] == 5 and recipe["batch"] == 4 and "warmup" not in recipe
    gradient = json.loads((run / "run.json").read_text(encoding="utf-8"))["recipe"]
    assert gradient["strategy"] == "evolution"
