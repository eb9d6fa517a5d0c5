"""A search by trials that was stopped, killed or given more to do goes on as it would have."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.search.evolve.conftest import Search, command, searched, trials
from tests.support import cli_environment, some_slow
from vnasdsl.searching.evolve import engine
from vnasdsl.searching.evolve.trial import Outcome, Trial, run_trial

SETTINGS = ("rounds=9", "population=3", "limits.params=1500", "ensemble=2", "inherit=true")
FILES = ("trials.jsonl", "network.vns", "network.py", "choices.json", "report.json", "family.png", "pareto.png")
_DEADLINE = 120.0


@pytest.fixture(scope="module")
def whole(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that nothing stopped."""
    run = tmp_path_factory.mktemp("whole") / "run"
    assert searched(run, videos, *SETTINGS).exit_code == 0
    return run


def assert_alike(one: Path, other: Path) -> None:
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    weights = [load_file(run / "network.safetensors") for run in (one, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert {path.name for path in (one / "weights").iterdir()} == {path.name for path in (other / "weights").iterdir()}


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_same_end(whole: Path, videos: Path, tmp_path: Path) -> None:
    run = tmp_path / "killed"
    line = [sys.executable, "-m", "vnasdsl", *command(run, videos, *SETTINGS, "-q")]
    environment = cli_environment({"OMP_NUM_THREADS": "1"})
    process = subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + _DEADLINE
    try:
        while not (run / "times.jsonl").is_file() or (run / "times.jsonl").read_bytes().count(b"\n") < 4:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL and not (run / "network.vns").exists()
    before = (run / "trials.jsonl").read_bytes()
    assert 3 <= sum(record["status"] == "trained" for record in trials(run)) < 9
    result = searched(run, videos, *SETTINGS, "--resume")
    assert result.exit_code == 0, result.output
    assert (run / "trials.jsonl").read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    assert_alike(run, whole)


def interrupting(after: int, error: BaseException) -> Callable[[Trial], Outcome]:
    """`run_trial` that raises at its call number `after`."""
    calls = 0

    def run(trial: Trial) -> Outcome:
        nonlocal calls
        calls += 1
        if calls > after:
            raise error
        return run_trial(trial)

    return run


def test_after_ctrl_c_everything_finished_is_kept(
    whole: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "stopped"
    with monkeypatch.context() as patched:
        patched.setattr(engine, "run_trial", interrupting(5, KeyboardInterrupt()))
        result = searched(run, videos, *SETTINGS)
    assert result.exit_code == 130 and "--resume" in result.output and f"kept in {run}" in result.output
    assert sum(record["status"] == "trained" for record in trials(run)) == 5
    assert searched(run, videos, *SETTINGS, "--resume").exit_code == 0
    assert_alike(run, whole)


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_weights_of_a_parent_that_are_lost_are_said(search: Search, videos: Path, how: str) -> None:
    settings = ("population=2", "inherit=true")
    run = search("run", *settings, "rounds=3")
    for path in (run / "weights").iterdir():
        content = path.read_bytes()
        path.unlink()
        if how == "damaged":
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    result = searched(run, videos, *settings, "rounds=4", "--resume")
    assert result.exit_code == 0, result.output
    (child,) = (record for record in trials(run) if record["id"] == 3)
    lost = run / "weights" / f"{child['parents'][0]:05d}.safetensors"
    message = f"there is no file `{lost}`" if how == "gone" else f"`{lost}` is damaged"
    assert f"warning: {message}" in result.stderr
    assert f"#3 starts from new weights instead of those of its parent #{child['parents'][0]}" in result.stderr
    lost_best = "best of 4 trained networks: #3" not in result.stdout
    assert ("is written without weights" in result.stderr) == lost_best
    assert (run / "network.safetensors").exists() != lost_best


@pytest.mark.parametrize("share", some_slow([0, 0.5, 1], [0, 0.5]))
def test_wherever_the_file_was_cut_the_end_is_the_same(
    search: Search, videos: Path, tmp_path: Path, share: float
) -> None:
    settings = [s for s in SETTINGS if not s.startswith("inherit")]  # no weights of parents are needed
    whole = search("whole", *settings)
    content = (whole / "trials.jsonl").read_bytes()
    lines = content.splitlines(keepends=True)
    kept = int(share * (len(lines) - 1))
    run = tmp_path / "cut"
    with pytest.MonkeyPatch.context() as patched:  # begun, and stopped in the first trial
        patched.setattr(engine, "run_trial", interrupting(0, KeyboardInterrupt()))
        searched(run, videos, *settings)
    (run / "trials.jsonl").write_bytes(b"".join(lines[:kept]) + lines[kept][:20])
    best = (whole / "weights").iterdir()
    for path in best:  # what had been kept until then is not made again
        (run / "weights").mkdir(exist_ok=True)
        (run / "weights" / path.name).write_bytes(path.read_bytes())
    assert searched(run, videos, *settings, "--resume").exit_code == 0
    assert (run / "trials.jsonl").read_bytes() == content


def test_a_finished_search_goes_on_with_more_rounds(search: Search, videos: Path, tmp_path: Path) -> None:
    settings = ["population=3", "rounds=5"]
    run = search("run", *settings)
    assert searched(run, videos, "population=3", "rounds=8", "--resume").exit_code == 0
    assert (run / "trials.jsonl").read_bytes() == (
        search("whole", "population=3", "rounds=8") / "trials.jsonl"
    ).read_bytes()


def test_another_recipe_is_another_search(search: Search, videos: Path, tmp_path: Path) -> None:
    run = search("run", "rounds=2", "population=2")
    result = searched(run, videos, "rounds=2", "population=2", "sample=1", "--resume")
    assert result.exit_code == 1 and "recipe `sample` was 2, is 1" in result.output


def failing(numbers: set[int], error: Exception | str) -> Callable[[Trial], Outcome]:
    def run(trial: Trial) -> Outcome:
        if trial.id in numbers:
            if isinstance(error, str):
                return Outcome(error=error)
            raise error
        return run_trial(trial)

    return run


@pytest.mark.parametrize("error", [MemoryError("no more"), "training has diverged"])
def test_a_trial_that_fails_is_recorded_and_the_search_goes_on(
    error: Any, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "run_trial", failing({1, 4}, error))
    run = search("run", "rounds=6", "population=3")
    records = trials(run)
    failed = [record for record in records if record["status"] == "failed"]
    assert [record["id"] for record in failed] == [1, 4]
    assert all(str(error) in record["error"] and record["text"] and "score" not in record for record in failed)
    assert len(failed) + sum(record["status"] == "trained" for record in records) == 6  # it has used up the budget
    assert all(not {1, 4} & set(record["parents"]) for record in records)
    times = [line for line in (run / "times.jsonl").read_text(encoding="utf-8").splitlines() if '"id": 1,' in line]
    assert len(times) == 1 and f'"attempts": {1 if isinstance(error, str) else 3}' in times[0]


def test_when_every_trial_fails_the_search_says_why(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "run_trial", failing(set(range(100)), "training has diverged"))
    result = searched(tmp_path / "run", videos, "rounds=50")
    assert result.exit_code == 1
    assert "each of the first 3 trials failed; the last: training has diverged" in result.output
    assert len(trials(tmp_path / "run")) == 3


def test_a_training_that_diverges_is_recorded_as_that(videos: Path, tmp_path: Path) -> None:
    result = searched(tmp_path / "run", videos, "rounds=3", "weights=sgd(lr=1e20, decay=1e20)", "epochs=3")
    assert result.exit_code == 1 and "training has diverged" in result.output
    assert all("training has diverged" in record["error"] for record in trials(tmp_path / "run"))


def test_derive_takes_the_best_or_any_trial(evolved: Path, videos: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from vnasdsl.cli.main import cli

    trained = [record for record in trials(evolved) if record["status"] == "trained"]
    best = min(trained, key=lambda r: (-r["fitness"], r["macs"], r["id"]))
    other = next(record for record in trained if record["id"] != best["id"])
    for checkpoint, record in (("best", best), ("last", best), (str(other["id"]), other)):
        out = tmp_path / f"{checkpoint}.vns"
        arguments = ["derive", str(evolved), "--checkpoint", checkpoint, "-o", str(out), "--device", "cpu", "-q"]
        result = CliRunner().invoke(cli, arguments, prog_name="vnasdsl")
        assert result.exit_code == 0, result.output
        assert out.read_text(encoding="utf-8") == record["text"]
    result = CliRunner().invoke(cli, ["derive", str(evolved), "--checkpoint", "999"], prog_name="vnasdsl")
    assert result.exit_code == 1 and "has no trained network `999`" in result.output
