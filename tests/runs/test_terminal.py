"""`vnasdsl runs` and `vnasdsl watch`, on folders written here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.train.locks import in_use
from vnasdsl.cli.main import cli
from vnasdsl.cli.runs import age
from vnasdsl.runs.folder import JsonLines, RunReader, holder_of


def vnasdsl(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="vnasdsl")


def make_run(path: Path, recipe: dict[str, Any], kind: str = "search", **report: Any) -> Path:
    path.mkdir(parents=True)
    facts = {"format": 2, "kind": kind, "name": "mini", "data": "periods", "classes": ["a", "b"], "recipe": recipe}
    (path / "run.json").write_text(json.dumps(facts))
    if report:
        (path / "report.json").write_text(json.dumps(report))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A finished search with a training below it, one by evolution that was stopped, one that runs, a damaged one."""
    gradient = make_run(
        tmp_path / "a", {"strategy": "gradient", "epochs": 3}, macs=2_000_000, inference={"top1": 0.75, "videos": 4}
    )
    for epoch in (1, 2, 3):
        choices = {"s1.op": {"conv": 0.5 + epoch / 10, "skip": 0.5 - epoch / 10}, "s2.op": {"conv": 0.1, "skip": 0.9}}
        record = {"epoch": epoch, "train_loss": 2.0 / epoch, "train_top1": 0.2 * epoch, "probabilities": choices}
        JsonLines(gradient / "metrics.jsonl").append({**record, "validate_top1": None, "seconds": 1.5})
    make_run(gradient / "retrained", {"epochs": 2}, "retrain", top1=0.5, videos=4)
    evolution = make_run(tmp_path / "b", {"strategy": "evolution"})
    (evolution / "recipe.json").write_text(json.dumps({"search": {"rounds": 5}}))
    for number, top1 in enumerate((0.25, 0.5)):
        trial = {"id": number, "status": "trained", "parents": [0] * number, "macs": 1e6, "score": {"top1": top1}}
        JsonLines(evolution / "trials.jsonl").append(trial)
    running = make_run(tmp_path / "c", {"strategy": "one_shot", "epochs": 9})
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "run.json").write_text("{")
    with in_use(running):
        yield tmp_path


def test_runs_are_listed_with_state_progress_and_best_accuracy(folder: Path) -> None:
    result = vnasdsl("runs", folder, "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [row["run"] for row in rows] == [str(folder / name) for name in ("a", "a/retrained", "b", "c", "d")]
    assert [row["state"] for row in rows] == ["finished", "finished", "stopped", "running", "damaged"]
    assert [(row["done"], row["planned"], row["unit"]) for row in rows[:4]] == [
        (3, 3, "epochs"),
        (0, 2, "epochs"),
        (2, 5, "trials"),
        (0, 9, "epochs"),
    ]
    assert [(row["top1"], row["top1_of"]) for row in rows[:4]] == [
        (0.75, "inference part"),
        (0.5, "test videos"),
        (0.5, "validate part"),
        (None, None),
    ]
    assert all(row["age_seconds"] >= 0 for row in rows[:4]) and "is damaged" in rows[4]["error"]
    shown = vnasdsl("runs", folder)
    table = shown.stdout.splitlines()
    assert "d/run.json` is damaged" in shown.stderr
    assert len(table) == 6 and "3/3" in table[1] and "75.0 %" in table[1] and "2.00 M" in table[1]


def test_a_folder_without_runs(tmp_path: Path) -> None:
    assert vnasdsl("runs", tmp_path).stdout == f"there are no runs in {tmp_path}\n"
    assert json.loads(vnasdsl("runs", tmp_path, "--json").stdout) == []
    missing = vnasdsl("runs", tmp_path / "none")
    assert missing.exit_code == 1 and "there is no folder" in missing.output


def test_watch_shows_progress_epochs_and_the_least_decided_choice_first(folder: Path) -> None:
    result = vnasdsl("watch", folder / "a", "--once")
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert "gradient of mini on periods finished" in words and "3 of 3 epochs" in words
    assert "best so far: 75.0 % top-1 (inference part)" in words
    assert "3 0.667 60.0 1.5" in words and "validate" not in words  # a column without a number is left out
    lines = result.stdout.splitlines()
    assert next(line for line in lines if "s1.op" in line).split()[-2:] == ["0.80", "conv"]
    assert [line.split()[0] for line in lines if ".op" in line] == ["s1.op", "s2.op"]
    trials = vnasdsl("watch", folder / "b")  # without a terminal it ends at once
    assert [line.split()[0] for line in trials.stdout.splitlines() if line.strip().startswith("#")] == ["#1", "#0"]
    assert vnasdsl("watch", folder / "d").exit_code == 1


def test_a_run_is_running_while_its_process_lives(folder: Path) -> None:
    run = folder / "a"
    assert RunReader(run).state == "finished"
    with in_use(run) as process:
        assert (holder_of(run) or {})["pid"] == process.pid and RunReader(run).state == "running"
        process.kill()
        process.join()
        assert holder_of(run) is None and RunReader(run).state == "finished"


def test_ages() -> None:
    assert [age(seconds) for seconds in (5, 60, 7200, 200_000)] == ["5 s", "1 min", "2 h", "2 d"]


def test_sixty_columns_cut_nothing_and_the_best_networks_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = folder / "c"
    keys = ("train_loss", "train_top1", "validate_loss", "validate_top1", "score_top1")
    for epoch in (8, 9):
        record = {"epoch": epoch, **dict.fromkeys(keys, 0.999), "decoded_macs": 15_000_000, "seconds": 120.5}
        JsonLines(run / "metrics.jsonl").append(record)
    for name, top1 in (("scores", 0.125), ("finalists", 0.875)):
        for number in range(3):
            record = {"id": number, "macs": 2e6, "score": {"top1": top1 + number / 100}}
            JsonLines(run / f"{name}.jsonl").append(record)
    monkeypatch.setenv("COLUMNS", "60")
    lines = vnasdsl("watch", run, "--once").stdout.splitlines()
    assert not any("…" in line for line in lines) and max(map(len, lines)) <= 60
    assert lines[lines.index("the best of 3 networks scored in the supernet") + 2].split() == ["#2", "14.5", "2.00"]
    assert lines[lines.index("the best of 3 networks trained at the end") + 2].split() == ["#2", "89.5", "2.00"]
