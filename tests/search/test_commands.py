"""search, derive, retrain and evaluate on real video files and a very small space."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file

from vnasdsl.data import open_data, three_way_split
from vnasdsl.elaborate import Overrides, load
from vnasdsl.train.checkpoint import Checkpoints
from vnasdsl.train.clips import clip_shape, evaluation_views, fault_log
from vnasdsl.train.evaluation import evaluate_views
from vnasdsl.train.generated import load_class
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipe_text import read_recipes, resolve_recipe

Command = Callable[..., Result]
FILES = {
    "network.vns",
    "network.py",
    "network.safetensors",
    "model.json",
    "MODEL_CARD.md",
    "choices.json",
    "report.json",
    "report.txt",
    "curves.png",
}
INPUTS = {
    "space.vns",
    "recipe.vns",
    "recipe.json",
    "run.json",
    "supernet.py",
    "metrics.jsonl",
    "checkpoints",
    "paths.png",
    "predictions.csv",
}


def same_weights(one: Path, two: Path) -> bool:
    first, second = load_file(one), load_file(two)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_the_whole_chain_as_a_user_types_it(
    run_process: Callable[..., subprocess.CompletedProcess[str]], space: Path, videos: Path, tmp_path: Path
) -> None:
    data = f"synthetic:{videos}"
    search = run_process("search", space, "--data", data, "--out", "runs/a", "--seed", "3", "--device", "cpu")
    assert search.returncode == 0, search.stderr
    lines = search.stdout.splitlines()
    assert lines[-1] == "retrain it: vnasdsl retrain runs/a"
    assert [line.split()[-1] for line in lines[-4:-1]] == [
        "runs/a/network.vns",
        "runs/a/network.py",
        "runs/a/network.safetensors",
    ]
    assert "top-1" in search.stdout and "parameters" in search.stdout and "Viterbi path: s2 channels=" in search.stdout
    assert search.stderr.count("search 1/3") == 1 and "expected" in search.stderr and "left" in search.stderr
    assert {path.name for path in (tmp_path / "runs" / "a").iterdir()} == FILES | INPUTS

    retrain = run_process("retrain", "runs/a", "--device", "cpu")
    assert retrain.returncode == 0, retrain.stderr
    assert "tensors matched by name and shape" in retrain.stderr and "missing" not in retrain.stderr
    assert retrain.stdout.splitlines()[-1] == "evaluate it: vnasdsl evaluate runs/a/retrained"

    evaluate = run_process("evaluate", "runs/a/retrained", "--json", "--device", "cpu")
    assert evaluate.returncode == 0, evaluate.stderr
    figures = json.loads(evaluate.stdout)
    report = json.loads((tmp_path / "runs" / "a" / "retrained" / "report.json").read_text())
    assert (figures["top1"], figures["views"], figures["videos"]) == (report["top1"], 2 * 6, 6)


def test_the_same_seed_gives_the_same_bytes(
    vnasdsl: Command, searched: Path, space: Path, videos: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    result = vnasdsl(
        "search", space, "--data", f"synthetic:{videos}", "--out", again, "--device", "cpu", "--workers", "1", "-q"
    )
    assert result.exit_code == 0, result.output
    for name in ("network.vns", "network.py", "supernet.py", "choices.json"):
        assert (again / name).read_bytes() == (searched / name).read_bytes(), name
    assert same_weights(again / "network.safetensors", searched / "network.safetensors")


def interrupted_in(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C between the metrics and the checkpoint of an epoch."""
    whole = Checkpoints.save

    def save(self: Checkpoints, number: int, *arguments: Any, **more: Any) -> None:
        if number == epoch:
            raise KeyboardInterrupt
        whole(self, number, *arguments, **more)

    monkeypatch.setattr(Checkpoints, "save", save)


def test_an_interrupted_search_goes_on_to_the_same_end(
    vnasdsl: Command, searched: Path, space: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    arguments = ["search", space, "--data", f"synthetic:{videos}", "--out", run, "--device", "cpu", "-q"]
    with monkeypatch.context() as patched:
        interrupted_in(3, patched)
        patched.setattr("sys.argv", ["vnasdsl", *map(str, arguments)])
        result = vnasdsl(*arguments)
    assert result.exit_code == 130
    assert f"finished work is kept in {run}" in result.output
    assert (
        f"continue with: vnasdsl search {space} --data synthetic:{videos} --out {run} --device cpu -q --resume"
        in result.output
    )
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 3

    refused = vnasdsl(*arguments)
    assert refused.exit_code == 1 and "is not empty" in refused.output and "--resume" in refused.output

    result = vnasdsl(*arguments, "--resume")
    assert result.exit_code == 0, result.output
    assert (run / "network.vns").read_bytes() == (searched / "network.vns").read_bytes()
    assert same_weights(run / "network.safetensors", searched / "network.safetensors")
    assert [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [1, 2, 3]


def test_resuming_something_else_names_what_differs(
    vnasdsl: Command, searched: Path, space: Path, videos: Path, more_videos: Path
) -> None:
    def resume(*more: str, data: Path = videos) -> str:
        result = vnasdsl("search", space, "--data", f"synthetic:{data}", "--out", searched, "--resume", *more)
        assert result.exit_code == 1
        return " ".join(result.output.split())

    assert "recipe `epochs` was 3, is 4" in resume("--set", "epochs=4")
    assert "it had 3 classes and has 4" in resume(data=more_videos)
    assert 'fix `s2.stack[0].op` was null, is ["skip"]' in resume("--fix", "s2.stack[0].op=skip")
    assert "`input clip = video(frames=4, size=16, classes=3)` is now `input clip = video(frames=6" in resume(
        "--frames", "6"
    )


def test_the_inherited_weights_are_those_that_were_scored(searched: Path, videos: Path) -> None:
    data = open_data(f"synthetic:{videos}")
    network = load(searched / "network.vns", Overrides(classes=3)).get()
    recipe = resolve_recipe("search", read_recipes(searched / "recipe.vns")["search"])
    model = load_class((searched / "network.py").read_text(), "Network", searched / "network.py")()
    model.load_state_dict(load_file(searched / "network.safetensors"))
    inference = three_way_split(data.train, recipe.split, recipe.seed)[2]  # type: ignore[union-attr]
    faults = fault_log(Reporter(quiet=True), recipe)
    views = evaluation_views(inference, clip_shape(network.inputs.given, recipe), recipe, faults)
    result = evaluate_views(model, views, data.classes, torch.device("cpu"))
    report = json.loads((searched / "report.json").read_text())["inference"]
    assert result.top1 == report["top1"] and result.loss == pytest.approx(report["loss"], abs=1e-5)


def test_the_report_has_the_reasons(searched: Path) -> None:
    report = json.loads((searched / "report.json").read_text())
    assert report["log_probability"] <= 0 and set(report["greedy"]) >= {"path", "log_probability", "top1", "macs"}
    assert report["greedy"]["log_probability"] <= report["log_probability"] + 1e-9
    choices = json.loads((searched / "choices.json").read_text())
    assert choices["choices"] == report["choices"]
    assert sum(choices["probabilities"]["s3.head.channels"].values()) == pytest.approx(1, abs=1e-5)
    last = json.loads((searched / "metrics.jsonl").read_text().splitlines()[-1])
    assert {
        "train_loss",
        "validate_loss",
        "expected_macs",
        "decoded_macs",
        "skip_share",
        "entropy",
        "score_top1",
    } <= set(last)
    assert set(last["entropy"]) == {"s2", "s3"}
    first = json.loads((searched / "metrics.jsonl").read_text().splitlines()[0])
    assert first["phase"] == "warmup" and "score_top1" not in first


def test_derive_decodes_again_and_elsewhere(vnasdsl: Command, searched: Path, tmp_path: Path) -> None:
    result = vnasdsl("derive", searched, "--checkpoint", "last", "-o", tmp_path / "mine.vns", "--json", "-q")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["weights"] == str(tmp_path / "mine.safetensors")
    assert (tmp_path / "mine.vns").read_bytes() == (searched / "network.vns").read_bytes()
    assert same_weights(tmp_path / "mine.safetensors", searched / "network.safetensors")
    unknown = vnasdsl("derive", searched, "--checkpoint", "epoch-9999")
    assert unknown.exit_code == 1 and "has no checkpoint `epoch-9999`" in unknown.output


def test_search_alone_uses_the_project(
    vnasdsl: Command, space: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(space, tmp_path / "small.vns")
    settings = f'space = "small.vns"\ndata = "synthetic:{videos}"\nrecipe = "quick"\nout = "searches"\n'
    (tmp_path / "pyproject.toml").write_text(f"[tool.vnasdsl]\n{settings}")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    for run in ("small", "small-2"):
        result = vnasdsl("search", "--set", "epochs=1", "-q")
        assert result.exit_code == 0, result.output
        assert (tmp_path / "searches" / run / "network.vns").is_file()
    (tmp_path / "pyproject.toml").write_text("[tool.vnasdsl]\n")
    assert "there is no space to search" in vnasdsl("search").output
    assert "there are no data to search on" in vnasdsl("search", space).output


def test_fixed_choices_stay_fixed(vnasdsl: Command, space: Path, videos: Path, tmp_path: Path) -> None:
    search = ["search", space, "--data", f"synthetic:{videos}", "--set", "epochs=1", "--device", "cpu", "-q"]
    run = tmp_path / "fixed"
    result = vnasdsl(*search, "--out", run, "--fix", "op=basic(2)", "--fix", "s3.*=8", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["retrain"] == f"vnasdsl retrain {run}"
    text = (run / "network.vns").read_text()
    assert text.count("basic(2)") == 2 and "head(8, 1)" in text
    assert vnasdsl("derive", run, "-q").exit_code == 0
    alone = vnasdsl(*search, "--out", tmp_path / "y", "--fix", "op=skip", "--fix", "channels=6")
    assert alone.exit_code == 1 and "nothing is left to search" in alone.output and not (tmp_path / "y").exists()


def test_retraining_from_scratch_and_from_another_networks_weights(
    vnasdsl: Command, searched: Path, more_videos: Path, tmp_path: Path
) -> None:
    scratch = vnasdsl("retrain", searched, "--weights", "none", "--out", tmp_path / "a", "--set", "epochs=1", "--json")
    assert scratch.exit_code == 0, scratch.output
    assert json.loads(scratch.stdout)["inherited"] is None and "training from scratch" in scratch.stderr
    more = ["--data", f"synthetic:{more_videos}", "--out", tmp_path / "b", "--set", "epochs=1"]
    other = vnasdsl("retrain", searched, *more)
    assert other.exit_code == 0, other.output
    assert "2 of another shape" in other.stderr  # the classifier has another number of classes


def test_a_text_is_trained_and_evaluated(vnasdsl: Command, searched: Path, videos: Path, tmp_path: Path) -> None:
    text = tmp_path / "mine.vns"
    (name,) = re.findall(r"^network (\w+)", (searched / "network.vns").read_text(), re.MULTILINE)
    recipe = f"evaluate {{}} for {name} {{{{\n  scale = 18\n  clips = {{}}\n  crops = 1\n}}}}\n"
    recipes = recipe.format("once", 1) + "\n" + recipe.format("twice", 2)
    text.write_text((searched / "network.vns").read_text() + "\n" + recipes)
    data = ["--data", f"synthetic:{videos}", "-q"]
    short = ["--set", "epochs=1", "--set", "batch=4", "--set", "scale=18", "--set", "clips=1", "--set", "workers=0"]
    trained = vnasdsl("retrain", text, *data, *short, "--out", tmp_path / "run")
    assert trained.exit_code == 0 and "trained from scratch" in trained.output, trained.output
    weights = tmp_path / "run" / "network.safetensors"
    result = vnasdsl("evaluate", text, *data, "--weights", weights, "--set", "scale=18", "--clips", "1", "--crops", "3")
    assert result.exit_code == 0 and "1 x 3 views" in result.output, result.output
    for given, views in (([], "1 x 1 views"), (["--recipe", "twice"], "2 x 1 views")):
        result = vnasdsl("evaluate", text, *data, "--weights", weights, *given)
        assert result.exit_code == 0 and views in result.output, result.output
    result = vnasdsl("evaluate", text, *data, "--weights", weights, "--recipe", "twise")
    assert result.exit_code == 1 and "did you mean `twice`?" in result.output


def test_classes_that_do_not_fit_are_named(
    vnasdsl: Command, searched: Path, space: Path, videos: Path, more_videos: Path
) -> None:
    result = vnasdsl("evaluate", searched, "--data", f"synthetic:{more_videos}")
    assert result.exit_code == 1 and "has other classes than" in result.output
    result = vnasdsl("search", space, "--data", f"synthetic:{videos}", "--classes", "7", "--out", "none")
    assert result.exit_code == 1 and "--classes is 7" in result.output


def test_a_checkpoint_of_another_space_is_refused(
    vnasdsl: Command, searched: Path, space: Path, videos: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.vns"
    other.write_text(space.read_text().replace("head(6 | 8, 1)", "head(6 | 10, 1)"))
    search = ["search", other, "--data", f"synthetic:{videos}", "--out", tmp_path / "run", "--device", "cpu", "-q"]
    assert vnasdsl(*search, "--set", "epochs=1").exit_code == 0
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    shutil.copytree(searched / "checkpoints", tmp_path / "run" / "checkpoints")
    result = vnasdsl("derive", tmp_path / "run")
    assert result.exit_code == 1 and "does not fit this network" in result.output


def test_unreadable_videos_are_named_counted_and_limited(
    vnasdsl: Command, searched: Path, space: Path, videos: Path, tmp_path: Path
) -> None:
    shutil.copytree(videos, tmp_path / "videos")
    found = open_data(f"synthetic:{tmp_path / 'videos'}")
    broken = [video.path for video in (*found.train[:3], found.test[0])]
    for file in broken:
        Path(file).write_bytes(b"nothing")
    data = ["--data", f"synthetic:{tmp_path / 'videos'}", "--device", "cpu", "-q"]
    some = ["--set", "unreadable=0.5"]
    search = ["search", space, *data, "--out", tmp_path / "run", "--set", "epochs=1"]
    stopped = vnasdsl(*search)
    assert stopped.exit_code == 1 and "more than the allowed share of 1.00%" in stopped.output
    assert "--set unreadable=0.05" in " ".join(stopped.output.split())
    resumed = vnasdsl(*search, *some, "--resume")  # a run that stopped for it can go on
    assert resumed.exit_code == 0, resumed.output
    trained = vnasdsl("retrain", searched, *data, *some, "--out", tmp_path / "trained", "--set", "epochs=1")
    assert trained.exit_code == 0, trained.output
    assert "warning: 4 of 30 videos were unreadable and skipped" in trained.stderr
    assert set(json.loads((tmp_path / "trained" / "report.json").read_text())["unreadable"]) == set(broken)
    again = vnasdsl("evaluate", searched, *data, *some, "--clips", "1", "--crops", "1")
    assert again.exit_code == 0 and "1 of 6 videos were unreadable" in again.stderr, again.output


def test_code_that_was_edited_is_not_run(vnasdsl: Command, searched: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(searched, run)
    with (run / "supernet.py").open("a") as file:
        file.write(f"import os\nos.mkdir({str(tmp_path / 'ran')!r})\n")
    result = vnasdsl("derive", run)
    assert result.exit_code == 1 and "is not what the compiler generates" in result.output
    assert not (tmp_path / "ran").exists()


class Bomb:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


def test_pickled_weights_are_refused_without_running(vnasdsl: Command, searched: Path, tmp_path: Path) -> None:
    torch.save(Bomb(tmp_path / "ran"), tmp_path / "weights.pt")
    for command in (
        ("retrain", searched, "--weights", tmp_path / "weights.pt", "--out", tmp_path / "x"),
        ("evaluate", searched, "--weights", tmp_path / "weights.pt"),
    ):
        result = vnasdsl(*command)
        assert result.exit_code == 1 and "is not a safetensors file" in result.output
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "{space}", "--data", "folder:nowhere"], "nowhere"),
        (["search", "{space}", "--data", "{data}", "--set", "epoch=3"], "did you mean `epochs`?"),
        (["search", "{space}", "--data", "{data}", "--recipe", "quik"], "did you mean `quick`?"),
        (
            ["search", "{space}", "--data", "{data}", "--recipe", "quick_retrain"],
            "is a `retrain` recipe, not one for `search`",
        ),
        (
            ["search", "{space}", "--data", "{data}", "--set", "strategy=gradiant"],
            "`strategy` must be `evolution`, `gradient`, `one_shot` or `random`",
        ),
        (["search", "{space}", "--data", "{data}", "--set", "scale=8"], "too small for crops of 16 x 16"),
        (["search", "{space}", "--data", "{data}", "--device", "cuda:99"], "CUDA device"),
        (["derive", "nowhere"], "there is no folder `nowhere`"),
        (["retrain", "{space}", "--data", "{data}", "--out", "x"], "is a space: choose a network first"),
        (["retrain", "runs/none"], "there is no run and no file `runs/none`"),
        (["evaluate", "none.vns:one"], "there is no run and no file `none.vns:one`"),
        (["retrain", "{space}"], "give --data and --out"),
        (["evaluate", "{searched}", "--recipe", "some"], "--recipe needs a FILE.vns"),
        (["evaluate", "{space}"], "give --data and --weights"),
        (["evaluate", "{searched}", "--weights", "nothing.safetensors"], "there is no file `nothing.safetensors`"),
    ],
)
def test_bad_input_is_one_clear_error(
    arguments: list[str],
    message: str,
    vnasdsl: Command,
    space: Path,
    videos: Path,
    searched: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    filled = [a.format(space=space, data=f"synthetic:{videos}", searched=searched) for a in arguments]
    result = vnasdsl(*filled)
    assert result.exit_code == 1 and message in result.output and "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []
