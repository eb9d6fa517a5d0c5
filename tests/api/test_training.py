"""Searching, training, evaluating and predicting from Python, with the meaning of the commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import vnasdsl
from tests.support import ROOT, pictures_as_words, run_here
from vnasdsl import Network, Progress, Run, Space
from vnasdsl.data.synthetic.make import Settings, make

torch.set_num_threads(1)

SPACE = ROOT / "tests" / "search" / "small.vns"
SHORT = {"epochs": 1, "warmup": 0, "score_from": 0, "recalibrate": 1, "weights.lr": 1e-5}


@pytest.fixture(autouse=True, scope="module")
def no_picture_is_drawn() -> Iterator[None]:
    """tests/show draws each kind."""
    with pictures_as_words():
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three classes, six training and two test videos of each."""
    folder = tmp_path_factory.mktemp("data") / "videos"
    make(folder, Settings(classes=3, clips=6, test_clips=2, sizes=((24, 32),), lengths=(6, 8)))
    return f"synthetic:{folder}"


@pytest.fixture(scope="module")
def events() -> list[Progress]:
    """What the search says of itself."""
    return []


@pytest.fixture(scope="module")
def found(data: str, events: list[Progress], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search from a Space; tests only read it."""
    out = tmp_path_factory.mktemp("runs") / "found"
    return vnasdsl.search(Space.load(SPACE), data, out, settings=SHORT, device="cpu", seed=1, progress=events.append)


def test_a_search_is_that_of_the_command(found: Run, data: str, tmp_path: Path) -> None:
    settings = [word for key, value in SHORT.items() for word in ("--set", f"{key}={value}")]
    arguments = ["search", SPACE, "--data", data, "--out", tmp_path / "run", "--seed", "1", "--device", "cpu", "-q"]
    assert run_here(*arguments, *settings, cwd=tmp_path).returncode == 0
    command = Run(tmp_path / "run")
    for name in ("recipe.vns", "space.vns", "network.vns"):
        assert (found.folder / name).read_text() == (command.folder / name).read_text()
    assert found.metrics[0]["train_loss"] == pytest.approx(command.metrics[0]["train_loss"], rel=1e-4)


def test_progress_is_told_in_order(found: Run, events: list[Progress]) -> None:
    told = [(e.event, e.epoch, e.epochs) for e in events if e.event in ("begin", "finished") and e.title == "search"]
    assert told == [("begin", 0, 1), ("finished", 1, 1)]
    steps = [e.step for e in events if e.event == "step" and e.title == "search"]
    assert steps == list(range(1, len(steps) + 1))
    assert steps[-1] == next(e.steps for e in events if e.event == "step")
    assert any("networks" in e.text for e in events if e.event == "note")
    assert events[-1].event == "end"


def test_a_run_is_opened(found: Run) -> None:
    again = Run(str(found.folder))
    assert (again.kind, again.finished, again.info["name"]) == ("search", True, "small")
    assert [record["epoch"] for record in again.metrics] == [1]
    assert again.space.size == Space.load(SPACE).size
    assert again.space.contains(again.network)
    assert again.report["macs"] == again.network.macs
    assert again.space.choose(again.report["choices"]).text.replace("small_child", "") == again.network.text.replace(
        "small_child", ""
    )
    model = again.module()
    assert not model.training
    assert model(torch.randn(1, *again.network.input.shape)).shape == (1, 3)
    assert set(again.checkpoints) >= {"last"}
    assert all((folder / "weights.safetensors").is_file() for folder in again.checkpoints.values())
    assert repr(again) == f"<Run {found.folder}: search of small, finished>"
    assert again.state == "finished" and again.predictions is not None
    assert len(again.predictions.videos) == again.report["inference"]["videos"]


def test_train_evaluate_and_predict(found: Run, data: str, tmp_path: Path) -> None:
    trained = vnasdsl.retrain(found, out=tmp_path / "trained", settings={"epochs": 1}, device="cpu")
    assert (trained.kind, trained.finished, len(trained.metrics)) == ("retrain", True, 1)
    with pytest.raises(vnasdsl.UserError, match="is a training: it has a network and no space"):
        _ = trained.space
    result = vnasdsl.evaluate(trained, clips=1, crops=1, device="cpu")
    command = run_here(
        "evaluate", trained.folder, "--clips", "1", "--crops", "1", "--device", "cpu", "--json", cwd=tmp_path
    )
    assert result.as_dict()["loss"] == pytest.approx(json.loads(command.stdout)["loss"], rel=1e-4)
    same = vnasdsl.evaluate(trained.network, data, weights=trained.weights, clips=1, crops=1, device="cpu")
    assert same.top1 == result.top1
    classes = list(Path(data.removeprefix("synthetic:")).glob("Drift*"))
    predictions = vnasdsl.predict(trained, classes, device="cpu", workers=0)
    assert [p.path for p in predictions] == [str(f) for folder in classes for f in sorted(folder.iterdir())]
    assert {best.name for prediction in predictions for best in prediction.top} == set(trained.info["classes"])


def test_a_network_trains_from_scratch(found: Run, data: str, tmp_path: Path) -> None:
    """A network that was only chosen has the recipe of its space, and the classes of the data."""
    network = Space.load(SPACE).sample(0)
    assert network.input.classes != 3
    trained = vnasdsl.retrain(network, data, tmp_path / "run", settings={"epochs": 1}, device="cpu")
    assert trained.network.input.classes == 3
    assert "sgd(lr=0.05" in (trained.folder / "recipe.vns").read_text()
    assert Network.load(network.text, classes=3).params == trained.network.params


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*collapsing:UserWarning")
def test_two_devices_logs_and_videos_left_out(data: str, tmp_path: Path) -> None:
    """The ranks are processes, whose progress comes here."""
    (tmp_path / "bad.txt").write_text(f"{next(Path(data.removeprefix('synthetic:')).rglob('*.avi'))}\n")
    settings, seen = SHORT | {"batch": 2, "epochs": 2, "workers": 0}, []
    arguments = {"settings": settings, "device": "cpu", "devices": 2, "exclude": tmp_path / "bad.txt"}
    space = Space.load(SPACE)
    run = vnasdsl.search(space, data, tmp_path / "run", log=["tensorboard"], progress=seen.append, **arguments)
    assert (run.finished, run.info["devices"], run.info["data"]) == (True, 2, f"{data}?exclude={tmp_path / 'bad.txt'}")
    assert run.info["videos"]["train"]["videos"] + run.info["videos"]["test"]["videos"] == 23
    told = [(each.event, each.epoch) for each in seen if each.event in ("begin", "finished")]
    assert told == [("begin", 0), ("finished", 1), ("finished", 2)]
    assert any((run.folder / "tensorboard").iterdir())


@pytest.mark.slow
def test_a_training_on_two_devices(found: Run, data: str, tmp_path: Path) -> None:
    """An error is that of the rank that met it."""
    trained = vnasdsl.retrain(found, out=tmp_path, settings={"epochs": 1}, device="cpu", devices=2)
    assert (trained.finished, trained.info["devices"]) == (True, 2)
    with pytest.raises(vnasdsl.UserError, match="is not empty") as fault:
        vnasdsl.search(Space.load(SPACE), data, tmp_path, settings=SHORT, device="cpu", devices=2)
    assert "--resume" in (fault.value.help or "")


def test_nothing_prints_unless_asked(found: Run, capfd: pytest.CaptureFixture[str]) -> None:
    vnasdsl.evaluate(found, clips=1, crops=1, device="cpu")
    assert capfd.readouterr() == ("", "")
    vnasdsl.evaluate(found, clips=1, crops=1, device="cpu", progress=True)
    assert "evaluating 6 videos, 1 clips x 1 crops of each" in capfd.readouterr().err


def test_what_is_wrong_is_an_exception(found: Run, data: str, tmp_path: Path) -> None:
    space, network = Space.load(SPACE), Space.load(SPACE).sample(0)
    with pytest.raises(vnasdsl.UserError, match="is not empty"):
        vnasdsl.search(space, data, found.folder, settings=SHORT, device="cpu", seed=1)
    with pytest.raises(vnasdsl.UserError, match="a search has one target"):
        vnasdsl.search(space, data, tmp_path / "x", target_macs=1e6, target_params=1e3)
    with pytest.raises(vnasdsl.VnsError, match="E0801: a search recipe has no key `epoch`"):
        vnasdsl.search(space, data, tmp_path / "x", settings={"epoch": 1})
    with pytest.raises(vnasdsl.UserError, match="there is no log `csv`"):
        vnasdsl.search(space, data, tmp_path / "x", log=["csv"])
    with pytest.raises(vnasdsl.UserError, match="trains every network on one device"):
        vnasdsl.search(space, data, tmp_path / "x", settings={"strategy": "evolution"}, devices=2)
    with pytest.raises(vnasdsl.UserError, match="`gpu` is none of auto, cpu"):
        vnasdsl.search(space, data, tmp_path / "x", device="gpu")
    with pytest.raises(vnasdsl.UserError, match="`small_child` is no run: give --data and --weights"):
        vnasdsl.evaluate(network)
    with pytest.raises(vnasdsl.UserError, match="`small_child` is no run: give --data and --out"):
        vnasdsl.retrain(network)
    with pytest.raises(vnasdsl.UserError, match="`small` is a space"):
        vnasdsl.retrain(str(SPACE), data, tmp_path / "x")
    with pytest.raises(vnasdsl.UserError, match=r"there is no video `none\.mp4`"):
        vnasdsl.predict(found, "none.mp4")
    with pytest.raises(vnasdsl.UserError, match=r"is not a run folder of vnasdsl: there is no `run\.json`"):
        Run(tmp_path)
    assert not (tmp_path / "x").exists()


@pytest.mark.filterwarnings("ignore:.*collapsing:UserWarning")
def test_an_interrupted_search_is_resumed(found: Run, data: str, tmp_path: Path) -> None:
    """What a progress function raises ends the search; it continues from the last finished epoch."""

    def stop(progress: Progress) -> None:
        if progress.event == "epoch" and progress.epoch == 2:
            raise KeyboardInterrupt

    space, settings = Space.load(SPACE), SHORT | {"epochs": 2}
    with pytest.raises(KeyboardInterrupt):
        vnasdsl.search(space, data, tmp_path / "run", settings=settings, device="cpu", progress=stop)
    run = Run(tmp_path / "run")
    assert (run.finished, len(run.metrics)) == (False, 1)
    assert repr(run) == f"<Run {run.folder}: search of small, stopped, 1 of 2 epochs>"
    with pytest.raises(vnasdsl.UserError, match="has no network yet"):
        _ = run.network
    with pytest.raises(vnasdsl.UserError, match="is not finished"):
        _ = run.report
    vnasdsl.search(space, data, tmp_path / "run", settings=settings, device="cpu", resume=True)
    assert (run.finished, [record["epoch"] for record in run.metrics]) == (True, [1, 2])
