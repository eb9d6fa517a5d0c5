"""`--log`: what TensorBoard and W&B read is what metrics.jsonl holds, and metrics.jsonl holds what is documented."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from vnasdsl.runs.folder import RunReader
from vnasdsl.runs.metrics import EpochRecord
from vnasdsl.train.progress import Reporter, TensorBoard, loggers_of, scalars

Command = Callable[..., Result]


def read_tensorboard(folder: Path) -> dict[str, dict[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def read_wandb(folder: Path) -> dict[str, dict[int, float]]:
    """The history of the offline runs in a folder."""
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    found: dict[str, dict[int, float]] = {}
    for file in sorted(folder.rglob("*.wandb")):
        store = DataStore()
        store.open_for_scan(str(file))
        while (data := store.scan_data()) is not None:
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            values: dict[str, Any] = {
                "/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item
            }
            for key, value in values.items():
                if not key.startswith("_"):
                    found.setdefault(key, {})[values["_step"]] = value
    return found


def expected(run: Path) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for record in RunReader(run).metrics:
        for key, value in scalars(record):
            if key != "epoch":
                found.setdefault(key, {})[record["epoch"]] = value
    return found


@pytest.mark.parametrize("writer", ["tensorboard", pytest.param("wandb", marks=pytest.mark.slow)])
def test_they_hold_the_metrics(searched: Path, writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    shutil.copy(searched / "run.json", tmp_path)
    reporter = Reporter(quiet=True, loggers=loggers_of((writer,), tmp_path))
    for record in RunReader(searched).metrics:
        reporter.record(record["epoch"], {key: value for key, value in record.items() if key != "epoch"})
    reporter.close()
    wanted = expected(searched)
    assert "entropy/s2" in wanted and any(key.startswith("probabilities/") for key in wanted)
    found = {"tensorboard": read_tensorboard, "wandb": read_wandb}[writer](tmp_path / writer)
    assert set(found) == set(wanted)
    for key, values in wanted.items():
        assert found[key] == pytest.approx(values, rel=1e-6), key


def test_what_a_lost_epoch_wrote_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    first = TensorBoard(tmp_path)
    for epoch in (1, 2, 3):
        first.record(epoch, {"train_loss": 1.0, "phase": "search", "validate_loss": None})
    first.close()
    second = TensorBoard(tmp_path)
    second.record(3, {"train_loss": 0.5})
    second.close()
    assert read_tensorboard(tmp_path / "tensorboard") == {"train_loss": {1: 1.0, 2: 1.0, 3: 0.5}}


def test_every_key_of_the_metrics_is_documented(vnasdsl: Command, searched: Path, tmp_path: Path) -> None:
    trained = tmp_path / "trained"
    short = ("-q", "--device", "cpu", "--set", "epochs=2", "--set", "watch=1", "--log", "tensorboard")
    assert vnasdsl("retrain", searched, "--out", trained, *short).exit_code == 0
    for run in (searched, trained):
        for record in RunReader(run).metrics:
            EpochRecord.model_validate(record)
    assert read_tensorboard(trained / "tensorboard")["test_top1"].keys() == {1, 2}


def test_a_writer_that_fails_does_not_end_the_training(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken:
        calls = 0

        def record(self, step: int, values: Any) -> None:
            self.calls += 1
            raise OSError("disk full")

        def close(self) -> None:
            raise AssertionError("it is left out")

    broken = Broken()
    reporter = Reporter(quiet=True, loggers=[broken])
    reporter.record(1, {})
    reporter.record(2, {})
    reporter.close()
    assert broken.calls == 1
    assert "nothing more goes to Broken: disk full" in capsys.readouterr().err


def test_a_package_that_is_not_installed_is_named(
    vnasdsl: Command, searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vnasdsl.train.progress.find_spec", lambda name: None)
    result = vnasdsl("retrain", searched, "--out", tmp_path / "x", "--log", "wandb")
    assert result.exit_code == 1 and "pip install 'vnasdsl[wandb]'" in result.output
    assert not (tmp_path / "x").exists()
