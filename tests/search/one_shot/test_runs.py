"""One-shot searches from the command line: interrupted at every stage, under limits, by evolution, derived again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file

from tests.support import some_slow
from vnasdsl.codegen import inherited_names
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.searching import finalists
from vnasdsl.searching.one_shot.ranking import Scorer
from vnasdsl.searching.one_shot.training import PathTraining
from vnasdsl.searching.run import reopen
from vnasdsl.searching.task import Parts
from vnasdsl.train.checkpoint import Checkpoints
from vnasdsl.train.clips import clip_shape, evaluation_views, fault_log
from vnasdsl.train.generated import build
from vnasdsl.train.progress import Reporter

Command = Callable[..., Result]
SETTINGS = {"strategy": "one_shot", "epochs": "3", "finalists": "2", "finalist_epochs": "1", "recalibrate": "2"}


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def search(vnasdsl: Command, space: Path, videos: Path) -> Callable[..., Result]:
    """`search(run, "epochs=1")`: as the finished search, with other settings."""

    def run(out: Path, *settings: str, more: tuple[str, ...] = ()) -> Result:
        wanted = {**SETTINGS, **dict(setting.split("=") for setting in settings)}
        words = [word for key, value in wanted.items() for word in ("--set", f"{key}={value}")]
        return vnasdsl("search", space, "--data", f"synthetic:{videos}", "--out", out, "--device", "cpu", *words, *more)

    return run


def interrupt(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, at: int) -> None:
    """Have call number `at` of a function end as Ctrl-C does."""
    whole, calls = getattr(owner, name), iter(range(1, 1000))

    def interrupted(*arguments: Any, **more: Any) -> Any:
        if next(calls) == at:
            raise KeyboardInterrupt
        return whole(*arguments, **more)

    monkeypatch.setattr(owner, name, interrupted)


@pytest.mark.parametrize(
    ("owner", "name", "at"),
    [
        pytest.param(PathTraining, "run_epoch", 3, id="epochs", marks=pytest.mark.slow),
        pytest.param(Scorer, "score", 11, id="scoring"),
        pytest.param(finalists, "run_trial", 2, id="finalists", marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_search_goes_on_to_the_same_end(
    search: Callable[..., Result], one_shot: Path, tmp_path: Path, owner: Any, name: str, at: int
) -> None:
    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, owner, name, at)
        stopped = search(run)
        assert stopped.exit_code == 130 and "--resume" in stopped.stderr
        assert not (run / "network.vns").exists()
    if name == "score":
        with (run / "scores.jsonl").open("a") as file:
            file.write('{"id": 10, "cho')  # as a kill may leave it
    with pytest.MonkeyPatch.context() as patch:
        if name != "run_epoch":
            interrupt(patch, PathTraining, "run_epoch", 1)  # no epoch is run again
        resumed = search(run, more=("--resume",))
    assert resumed.exit_code == 0, resumed.output
    for file in ("scores.jsonl", "finalists.jsonl", "network.vns", "choices.json", "report.json", "report.txt"):
        assert (run / file).read_bytes() == (one_shot / file).read_bytes(), file
    ours, theirs = (load_file(folder / "network.safetensors") for folder in (run, one_shot))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_evolution_scores_networks_as_enumeration_does(
    search: Callable[..., Result], one_shot: Path, tmp_path: Path
) -> None:
    whole = {json.dumps(line["choices"]): line for line in lines(one_shot / "scores.jsonl")}
    settings = ("enumerate_up_to=35", "scored=24", "population=6", "finalists=0")
    result = search(tmp_path / "run", *settings)
    assert result.exit_code == 0, result.output
    found = lines(tmp_path / "run" / "scores.jsonl")
    assert len({json.dumps(line["choices"]) for line in found}) == 24
    for line in found:
        same = whole[json.dumps(line["choices"])]
        assert line["score"]["loss"] == pytest.approx(same["score"]["loss"], rel=1e-5)
        assert line["macs"] == same["macs"]
    first, last = found[:6], found[-12:]
    assert sum(line["fitness"] for line in last) / 12 >= sum(line["fitness"] for line in first) / 6
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    ranked = sorted(found, key=lambda line: (-line["fitness"], line["score"]["loss"], line["macs"]))
    assert report["choices"] == ranked[0]["choices"]
    assert [one["choices"] for one in report["ranking"]] == [line["choices"] for line in ranked[:20]]


def test_finalists_are_the_best_that_differ_and_the_best_of_them_is_kept(one_shot: Path, space: Path) -> None:
    nets: Space = load(space, Overrides(classes=3)).get()
    ranked = sorted(
        lines(one_shot / "scores.jsonl"), key=lambda line: (-line["fitness"], line["score"]["loss"], line["macs"])
    )
    prints = {}
    for line in ranked:
        prints.setdefault(nets.choose(line["choices"]).fingerprint, line["choices"])
    trained = lines(one_shot / "finalists.jsonl")
    assert [record["choices"] for record in trained] == list(prints.values())[:2]
    best = min(trained, key=lambda record: (-record["score"]["top1"], record["score"]["loss"]))
    report = json.loads((one_shot / "report.json").read_text())
    assert report["choices"] == best["choices"] and len(report["finalists"]) == 2

    # The weights in the run are those that had the score.
    run, _, recipe, data = reopen(one_shot)
    network = build(load(run / "network.vns", Overrides(classes=3)).get())
    network.load_state_dict(load_file(run / "network.safetensors"))
    network.eval()
    faults = fault_log(Reporter(quiet=True), recipe)
    views = evaluation_views(Parts.of(data, recipe).validate, clip_shape(nets.inputs.given, recipe), recipe, faults)
    with torch.no_grad():
        hits = [bool(hit) for clips, labels, _ in views for hit in network(clips).argmax(1) == labels]
    assert sum(hits) / len(hits) == pytest.approx(best["score"]["top1"])


def test_another_place_of_the_ranking_can_be_derived(vnasdsl: Command, one_shot: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(one_shot, run)
    before = (run / "network.vns").read_bytes()
    again = vnasdsl("derive", run, "--device", "cpu", "-q", "--json")
    assert again.exit_code == 0, again.output
    assert (run / "network.vns").read_bytes() == before
    assert (run / "report.json").read_bytes() == (one_shot / "report.json").read_bytes()
    third = vnasdsl("derive", run, "--checkpoint", "3", "-o", tmp_path / "third.vns", "--device", "cpu", "--json")
    assert third.exit_code == 0, third.output
    place = json.loads((run / "report.json").read_text())["ranking"][2]
    figures = json.loads(third.stdout)
    assert (figures["macs"], figures["params"]) == (place["macs"], place["params"])
    network = load(tmp_path / "third.vns", Overrides(classes=3)).get()
    build(network).load_state_dict(load_file(tmp_path / "third.safetensors"))
    wrong = vnasdsl("derive", run, "--checkpoint", "37", "--device", "cpu")
    assert wrong.exit_code == 1 and "from 1 to 36" in wrong.stderr


def test_the_best_within_a_budget_can_be_derived(vnasdsl: Command, one_shot: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(one_shot, run)
    ranked = sorted(lines(run / "scores.jsonl"), key=lambda one: (-one["fitness"], one["score"]["loss"], one["macs"]))
    within = [line for line in ranked if line["macs"] <= 56_000]
    assert 3 < len(within) < 36
    derive = ("derive", run, "--device", "cpu", "-q", "-o", tmp_path / "small.vns")
    derived = vnasdsl(*derive, "--max-macs", "56K", "--top", "3")
    assert derived.exit_code == 0, derived.output
    places = [f"{ranked.index(line) + 1}. " for line in within[:3]]
    shown = [line for line in derived.stdout.splitlines() if line[0].isdigit()]
    assert all(line.startswith(place) for line, place in zip(shown, places, strict=True))
    figures = json.loads(vnasdsl(*derive, "--max-macs", "56K", "--json").stdout)
    assert [one["choices"] for one in figures["ranking"]] == [line["choices"] for line in within[:20]]
    finalists = {json.dumps(line["choices"]) for line in lines(run / "finalists.jsonl")}
    if not finalists & {json.dumps(line["choices"]) for line in within}:
        assert figures["macs"] == within[0]["macs"]
    assert figures["macs"] <= 56_000
    for options, message in ((("--max-params", "10"), "the cheapest has"), (("--curve",), "gradient search")):
        wrong = vnasdsl(*derive, *options)
        assert wrong.exit_code == 1 and message in wrong.stderr


def test_a_budget_counts_places_in_the_whole_ranking_and_takes_the_best_that_is_trained(
    vnasdsl: Command, one_shot: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(one_shot, run)
    ranked = sorted(lines(run / "scores.jsonl"), key=lambda one: (-one["fitness"], one["macs"], one["id"]))
    places = {json.dumps(line["choices"]): place for place, line in enumerate(ranked, 1)}
    finalists = [(places[json.dumps(line["choices"])], line) for line in lines(run / "finalists.jsonl")]
    kept, record = finalists[1]
    assert kept > 1 and finalists[0][0] == 1
    # As if the search had been killed before its first finalist was trained: place 1 is known by the supernet only.
    text = (run / "finalists.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (run / "finalists.jsonl").write_text(text[1], encoding="utf-8")
    derive = ("derive", run, "--device", "cpu", "-q", "-o", tmp_path / "found.vns")
    shown = vnasdsl(*derive, "--top", "3").stdout
    assert "1. " in shown and f"finalists: the one of place {kept}," in shown
    rows = {line.partition(".")[0]: line for line in shown.splitlines()[1:4]}
    assert rows["1"].endswith("not trained")
    top = json.loads(vnasdsl(*derive, "--top", "3", "--json").stdout)
    assert top["macs"] == record["macs"]
    assert [one["trained"] is not None for one in top["ranking"]] == [one["place"] == kept for one in top["ranking"]]

    # Below both finalists nothing is trained, and the first of the ranking within the budget is taken.
    costs = sorted(line["macs"] for line in ranked)
    budget = next(macs for macs in reversed(costs) if macs < min(one["macs"] for _, one in finalists))
    first = next(place for place, line in enumerate(ranked, 1) if line["macs"] <= budget)
    within = vnasdsl(*derive, "--max-macs", str(budget))
    assert f"place {first}, " in within.stdout and "finalists" not in within.stdout
    found = json.loads(vnasdsl(*derive, "--max-macs", str(budget), "--json").stdout)
    assert found["ranking"][0]["place"] == first and found["macs"] == ranked[first - 1]["macs"]
    assert vnasdsl(*derive, "--max-macs", str(budget), "--checkpoint", "2").exit_code == 1


def test_a_place_that_was_trained_comes_with_its_own_weights(vnasdsl: Command, one_shot: Path, tmp_path: Path) -> None:
    ranked = json.loads((one_shot / "report.json").read_text())["ranking"]
    place = next(one["place"] for one in ranked[1:] if one["trained"] is not None)
    number = next(
        line["id"] for line in lines(one_shot / "finalists.jsonl") if line["choices"] == ranked[place - 1]["choices"]
    )
    result = vnasdsl("derive", one_shot, "--checkpoint", str(place), "-o", tmp_path / "second.vns", "--device", "cpu")
    assert result.exit_code == 0, result.output
    ours = load_file(tmp_path / "second.safetensors")
    theirs = load_file(one_shot / "finalists" / f"{number:05d}.safetensors")
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("share", some_slow(["some", "all"], ["all"]))
def test_networks_that_give_no_numbers_rank_last(
    search: Callable[..., Result], one_shot: Path, space: Path, tmp_path: Path, share: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(one_shot, run)
    for name in ("scores.jsonl", "finalists.jsonl", "network.vns", "report.json"):
        (run / name).unlink()
    shutil.rmtree(run / "finalists")
    checkpoints = Checkpoints(run / "checkpoints")
    last = checkpoints.load("last")
    nets: Space = load(space, Overrides(classes=3)).get()
    used = {json.dumps(choices): set(inherited_names(nets, choices).values()) for choices in nets.networks()}
    everywhere = set.intersection(*used.values())
    broken = next(  # the weight of a batch norm: those are no slices of others
        name
        for name, tensor in last.weights.items()
        if name.endswith("weight")
        and tensor.dim() == 1
        and (name in everywhere if share == "all" else name not in everywhere)
    )
    last.weights[broken].fill_(float("nan"))
    checkpoints.save(last.epoch, last.weights, {key: last.state[key] for key in ("optimisers", "random")})

    result = search(run, more=("--resume",))
    if share == "all":
        assert result.exit_code == 1 and "every network scores videos with NaN" in result.stderr
        return
    assert result.exit_code == 0, result.output
    scored = lines(run / "scores.jsonl")
    failed = [line for line in scored if line["score"] is None]
    assert len(scored) == 36
    assert {json.dumps(line["choices"]) for line in failed} == {key for key, names in used.items() if broken in names}
    assert f"warning: {len(failed)} of 36 networks score videos with NaN, so they rank last" in result.stderr
    whole = {json.dumps(line["choices"]): line["score"] for line in lines(one_shot / "scores.jsonl")}
    assert all(line["score"] == whole[json.dumps(line["choices"])] for line in scored if line not in failed)
    ranking = json.loads((run / "report.json").read_text())["ranking"]
    assert all(one["score"] is not None for one in ranking[: 36 - len(failed)])
    again = search(run, more=("--resume",))
    assert again.exit_code == 0 and lines(run / "scores.jsonl") == scored


def test_networks_above_a_limit_are_neither_trained_nor_scored(search: Callable[..., Result], tmp_path: Path) -> None:
    result = search(tmp_path / "run", "limits.macs=56000", "epochs=1", "finalists=0")
    assert result.exit_code == 0, result.output
    costs = [line["macs"] for line in lines(tmp_path / "run" / "scores.jsonl")]
    assert 0 < len(costs) < 36 and max(costs) <= 56_000


@pytest.mark.parametrize(
    ("setting", "message"),
    [("limits.latency_cpu=1ms", "measures no latency"), ("limits.macs=10", "no network of `small` meets")],
)
def test_limits_that_cannot_be_kept_are_refused(
    search: Callable[..., Result], tmp_path: Path, setting: str, message: str
) -> None:
    result = search(tmp_path / "run", setting)
    assert result.exit_code == 1 and message in result.stderr
    assert not (tmp_path / "run").exists()


def test_the_finalists_of_a_gradient_search_are_the_most_probable_networks(
    vnasdsl: Command, space: Path, videos: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = [word for setting in ("finalists=3", "finalist_epochs=1") for word in ("--set", setting)]
    result = vnasdsl("search", space, "--data", f"synthetic:{videos}", "--out", run, "--device", "cpu", *words)
    assert result.exit_code == 0, result.output
    nets: Space = load(space, Overrides(classes=3)).get()
    learnt = json.loads((run / "choices.json").read_text())
    paths, mixtures = learnt["path_weights"], learnt["mixture_weights"]

    def probability(choices: dict[str, str]) -> float:
        two, three = (("4", "6").index(choices["s2.head.channels"]), ("6", "8").index(choices["s3.head.channels"]))
        found = paths["s2"][0][two] * paths["s3"][two][three]
        for layer in range(2):
            name = f"s2[channels={choices['s2.head.channels']}].stack[{layer}].op"
            found *= mixtures[name][("basic(1)", "basic(2)", "skip").index(choices[f"s2.stack[{layer}].op"])]
        return float(found)

    prints = {}
    for choices in sorted(nets.networks(), key=probability, reverse=True):
        prints.setdefault(nets.choose(choices).fingerprint, choices)
    trained = lines(run / "finalists.jsonl")
    assert [record["choices"] for record in trained] == list(prints.values())[:3]
    best = min(trained, key=lambda record: (-record["score"]["top1"], record["score"]["loss"]))
    assert learnt["choices"] == best["choices"]
    assert "best of 3 trained finalists" in result.stdout
