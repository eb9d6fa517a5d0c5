"""model.json and the model card of a search: what stands in them, and that a folder with them can be moved."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import Result

from vnasdsl import predict
from vnasdsl.data import open_data
from vnasdsl.elaborate import load
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.predict import open_trained
from vnasdsl.train.run_folder import MissingData, run_data

Command = Callable[..., Result]


@pytest.fixture
def moved(searched: Path, tmp_path: Path) -> Path:
    """A copy of a finished search in another place."""
    return Path(shutil.copytree(searched, tmp_path / "elsewhere" / "moved"))


def test_a_search_leaves_a_model_file(searched: Path) -> None:
    model = json.loads((searched / "model.json").read_text())
    network = load(searched / "network.vns").get()
    assert model["classes"] == json.loads((searched / "run.json").read_text())["classes"]
    assert (model["macs"], model["params"]) == (network.macs[0], network.params[0])
    for file in (model["network"], model["weights"]):
        assert file["sha256"] == sha256((searched / file["file"]).read_bytes()).hexdigest()
    wanted = {"frames": 4, "frame_stride": 1, "segments": 1, "scale": 18, "size": 16}
    assert {key: model["preprocessing"][key] for key in wanted} == wanted
    assert model["protocol"] == {"clips": 2, "crops": 1, "precision": "fp32", "scores": "softmax"}
    score = json.loads((searched / "report.json").read_text())["inference"]
    assert {**model["metrics"], "per_class": score["per_class"]} == {"part": "inference", **score}
    card = (searched / "MODEL_CARD.md").read_text()
    for text in (network.text(), "2 clips x 1 crops", model["weights"]["sha256"], f"{network.params[0]:,} parameters"):
        assert text.strip() in card


def test_a_moved_folder_predicts_what_evaluate_scores(vnasdsl: Command, moved: Path, videos: Path) -> None:
    data = open_data(f"synthetic:{videos}")
    found = predict(moved, [video.path for video in data.test], top=1, workers=0, device="cpu")
    hits = [each.top[0].name == video.class_name for each, video in zip(found, data.test, strict=True)]
    result = vnasdsl("evaluate", moved, "--data", f"synthetic:{videos}", "--device", "cpu", "-q", "--json")
    assert json.loads(result.stdout)["top1"] == pytest.approx(sum(hits) / len(hits))


@pytest.mark.parametrize("file", ["network.safetensors", "network.vns"])
def test_files_that_are_not_what_they_were_are_not_used(vnasdsl: Command, moved: Path, videos: Path, file: str) -> None:
    (moved / file).write_bytes((moved / file).read_bytes() + b"\n")
    with pytest.raises(UserError, match="its checksum differs"):
        open_trained(moved)
    if file.endswith(".safetensors"):
        for command in ("evaluate", "retrain"):
            result = vnasdsl(command, moved, "--data", f"synthetic:{videos}", "--device", "cpu", "-q")
            assert result.exit_code == 1 and "its checksum differs" in result.stderr


def test_a_model_file_that_says_nothing(moved: Path) -> None:
    for text, reason in (("{", "Invalid JSON"), ('{"format": 1}', "`name`: Field required")):
        (moved / "model.json").write_text(text)
        with pytest.raises(UserError, match="is no model file") as fault:
            open_trained(moved)
        assert reason in fault.value.message


def test_a_network_derived_into_a_file_of_its_own(vnasdsl: Command, moved: Path, tmp_path: Path) -> None:
    output = tmp_path / "nets" / "best.vns"
    result = vnasdsl("derive", moved, "-o", output, "--device", "cpu", "-q")
    assert result.exit_code == 0, result.output
    assert {path.name for path in output.parent.iterdir()} == {
        f"best.{suffix}" for suffix in ("vns", "py", "safetensors", "model.json", "card.md")
    }
    assert open_trained(output).classes == open_trained(moved).classes


def test_data_of_a_run_are_found_where_they_and_it_were_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    (project / "videos").mkdir(parents=True)
    run, facts = project / "runs" / "a", {"data": "ucf101:videos?split=2", "data_from": os.path.join("..", "..")}
    monkeypatch.chdir(project)
    assert run_data(Path("runs") / "a", facts) == "ucf101:videos?split=2"
    monkeypatch.chdir(tmp_path)
    assert run_data(run, facts) == f"ucf101:{project / 'videos'}?split=2"
    moved = tmp_path / "moved"  # the run alone, and this process where it was made
    monkeypatch.chdir(project)
    assert run_data(moved, facts) == "ucf101:videos?split=2"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingData, match="are neither in"):
        run_data(moved, facts)
    assert run_data(moved, {"data": "synthetic"}) == "synthetic"
    whole = {"data": f"folder:{project / 'videos'}", "data_from": "../.."}
    assert run_data(moved, whole) == whole["data"]


def test_a_network_is_derived_without_videos(vnasdsl: Command, moved: Path, videos: Path) -> None:
    facts = json.loads((moved / "run.json").read_text())
    (moved / "run.json").write_text(json.dumps({**facts, "data": "synthetic:gone"}))
    choices = json.loads((moved / "choices.json").read_text())["choices"]
    result = vnasdsl("derive", moved, "--device", "cpu", "--top", "2", "-o", moved / "best.vns")
    assert result.exit_code == 0, result.output
    assert "`synthetic:gone`, are neither in" in result.stderr and "the network gets no score" in result.stderr
    found = vnasdsl("derive", moved, "--device", "cpu", "-o", moved / "other.vns", "--data", f"synthetic:{videos}")
    assert found.exit_code == 0 and "accuracy on the inference part" in found.stdout, found.output
    before = {path.name: path.read_bytes() for path in moved.iterdir() if path.is_file()}
    again = vnasdsl("derive", moved, "--device", "cpu")
    assert again.exit_code == 0 and "its weights and score stay" in again.stderr and "top-1" in again.stdout
    assert {path.name: path.read_bytes() for path in moved.iterdir() if path.is_file()} == before
    (moved / "choices.json").unlink()
    (moved / "report.json").unlink()
    again = vnasdsl("derive", moved, "--device", "cpu", "-q")
    assert again.exit_code == 0 and "top-1" not in again.stdout
    assert json.loads((moved / "choices.json").read_text())["choices"] == choices
    assert json.loads((moved / "model.json").read_text())["metrics"] is None
    assert not (moved / "predictions.csv").exists()
    open_trained(moved)
    for command in ("evaluate", "retrain"):
        failed = vnasdsl(command, moved, "--device", "cpu", "-q")
        assert failed.exit_code == 1 and "are neither in" in failed.stderr and "--data" in failed.stderr
