"""`--devices 2` and torchrun: what two real processes end with, and what is said when one of them dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from tests.search.test_killed import wait_for_lines
from tests.support import cli_environment

ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def plain(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The space without dropout, whose masks are the only thing that differs between two processes and one."""
    file = tmp_path_factory.mktemp("plain") / "small.vns"
    file.write_text(space.read_text().replace("dropout(0.2) -> ", ""))
    return file


def started(*arguments: str | Path, program: tuple[str, ...] = ("vnasdsl",)) -> subprocess.Popen[str]:
    """A command in a process group of its own, as a terminal starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", *program, *map(str, arguments)],
        env=cli_environment(ENVIRONMENT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(*arguments: str | Path, program: tuple[str, ...] = ("vnasdsl",)) -> tuple[int, str, str]:
    """Exit status, stdout and stderr."""
    process = started(*arguments, program=program)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def children(parent: int) -> Iterator[int]:
    """The processes that a process has started, in the order of their start."""
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_text()
        except OSError:
            continue
        if int(fields[1]) == parent and "spawn_main" in command:
            yield int(entry.name)


def arguments(space: Path, videos: Path, out: Path, *more: str) -> list[str | Path]:
    data = f"synthetic:{videos}"
    return ["search", space, "--data", data, "--device", "cpu", "--set", "batch=2", "--out", out, "-q", *more]


def compare(one: Path, two: Path) -> None:
    """The same network, with choices as sure but for rounding."""
    first, second = (json.loads((folder / "choices.json").read_text()) for folder in (one, two))
    assert first["choices"] == second["choices"] and first["path"] == second["path"]
    for name, options in first["probabilities"].items():
        assert second["probabilities"][name] == pytest.approx(options, abs=1e-4)
    reports = [json.loads((folder / "report.json").read_text()) for folder in (one, two)]
    assert reports[0]["inference"]["videos"] == reports[1]["inference"]["videos"]
    assert reports[0]["inference"]["loss"] == pytest.approx(reports[1]["inference"]["loss"], abs=1e-3)


@pytest.mark.slow
def test_two_devices_find_what_one_finds_with_twice_the_batch(
    vnasdsl: Callable[..., Result], plain: Path, videos: Path, tmp_path: Path
) -> None:
    status, out, err = run(*arguments(plain, videos, tmp_path / "two", "--devices", "2"))
    assert status == 0, err
    assert out.count("retrain it: ") == 1
    alone = vnasdsl(*(a if a != "batch=2" else "batch=4" for a in arguments(plain, videos, tmp_path / "one")))
    assert alone.exit_code == 0, alone.output
    compare(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_torchrun_and_retraining(plain: Path, videos: Path, tmp_path: Path) -> None:
    run_folder = tmp_path / "run"
    torchrun = ("torch.distributed.run", "--nproc-per-node", "2", "-m", "vnasdsl")
    status, out, err = run(*arguments(plain, videos, run_folder), program=torchrun)
    assert status == 0 and out.count("retrain it: ") == 1, err
    assert json.loads((run_folder / "run.json").read_text())["devices"] == 2
    more = ("--data", f"synthetic:{videos}", "--device", "cpu", "-q", "--weights", "none", "--json")
    both = tmp_path / "both"
    status, out, err = run("retrain", run_folder, *more, "--set", "batch=2", "--devices", "2", "--out", both)
    assert status == 0, err
    one = tmp_path / "one"
    assert run("retrain", run_folder, *more, "--set", "batch=4", "--out", one)[0] == 0
    losses = [
        [json.loads(line)["train_loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (both, one)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert json.loads(out)["videos"] == json.loads((one / "report.json").read_text())["videos"]


SCRIPT = """
import sys
import vnasdsl

if __name__ == "__main__":
    space, data, out, strategy = sys.argv[1:]
    told = []
    settings = {"batch": 2, "strategy": strategy, "finalists": 1, "finalist_epochs": 1}
    run = vnasdsl.search(space, data, out, device="cpu", settings=settings, progress=told.append)
    trained = vnasdsl.retrain(run, device="cpu", settings={"batch": 2, "epochs": 1}, log=["tensorboard"])
    print(run.state, trained.state, trained.report["top1"] == vnasdsl.evaluate(trained, device="cpu").top1, bool(told))
"""


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["gradient", "one_shot"])
def test_a_script_under_torchrun(strategy: str, plain: Path, videos: Path, tmp_path: Path) -> None:
    """What follows a supernet's training is done by the first process, and the training after it by both again."""
    script, out = tmp_path / "script.py", tmp_path / "run"
    script.write_text(SCRIPT)
    torchrun = ("torch.distributed.run", "--nproc-per-node", "2", str(script))
    status, said, err = run(plain, f"synthetic:{videos}", out, strategy, program=torchrun)
    assert status == 0, err
    assert sorted(said.splitlines()) == ["finished finished True False", "finished finished True True"]
    for folder in (out, out / "retrained"):
        assert json.loads((folder / "run.json").read_text())["devices"] == 2
    assert len((out / "finalists.jsonl").read_text().splitlines()) == 1
    assert len(list((out / "retrained" / "tensorboard").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["gradient", "one_shot"])
def test_finalists_are_trained_by_the_first_rank(strategy: str, plain: Path, videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    more = ["--set", f"strategy={strategy}", "--set", "finalists=2", "--set", "finalist_epochs=1", "--devices", "2"]
    status, _, err = run(*arguments(plain, videos, out, *more))
    assert status == 0, err
    assert 1 <= len((out / "finalists.jsonl").read_text().splitlines()) <= 2
    assert len((out / "metrics.jsonl").read_text().splitlines()) == 3
    assert (out / "network.safetensors").is_file()


@pytest.mark.slow
def test_a_killed_rank_ends_the_others_and_the_run_goes_on_to_the_same_end(
    space: Path, videos: Path, tmp_path: Path
) -> None:
    more = ("--devices", "2", "--set", "epochs=6")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = started(*arguments(space, videos, killed, *more))
    wait_for_lines(killed / "metrics.jsonl", 2, process)  # type: ignore[arg-type]
    ranks = list(children(process.pid))
    assert len(ranks) == 1  # the command itself is the first
    os.kill(ranks[0], signal.SIGKILL)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 60
    assert process.returncode == 1
    assert "a process of this run has died: that of device 1 was ended by SIGKILL" in err and "--resume" in err
    assert err.count("error") == 1
    assert not any(Path(f"/proc/{rank}").exists() for rank in ranks)

    status, _, err = run(*arguments(space, videos, killed, "--resume", "--set", "epochs=6"))
    assert status == 1 and "devices was 2, is 1" in err
    assert run(*arguments(space, videos, killed, *more, "--resume"))[0] == 0
    assert run(*arguments(space, videos, whole, *more))[0] == 0
    for name in ("network.vns", "choices.json", "network.safetensors"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.slow
def test_an_error_is_said_once(space: Path, videos: Path, tmp_path: Path) -> None:
    more = ("--devices", "2", "--set", "weights.lr=1e30", "--set", "grad_clip=0")
    status, _, err = run(*arguments(space, videos, tmp_path / "run", *more))
    assert status == 1 and err.count("training has diverged") == 1 and err.count("error:") == 1


@pytest.mark.slow
def test_ctrl_c_ends_every_rank_and_says_once_how_to_go_on(space: Path, videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = started(*arguments(space, videos, out, "--devices", "2", "--set", "epochs=40"))
    wait_for_lines(out / "metrics.jsonl", 1, process)  # type: ignore[arg-type]
    ranks = list(children(process.pid))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.count("interrupted") == 1 and "--devices 2" in err and err.rstrip().endswith("--resume")
    assert not any(Path(f"/proc/{rank}").exists() for rank in ranks)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--set", "strategy=random"], "`random` trains every network on one device"),
        (["--device", "cuda:0"], "is a single device"),
    ],
)
def test_what_cannot_be_shared_is_refused_before_anything_starts(
    more: list[str],
    expected: str,
    vnasdsl: Callable[..., Result],
    space: Path,
    videos: Path,
    tmp_path: Path,
) -> None:
    result = vnasdsl(*arguments(space, videos, tmp_path / "run", "--devices", "2", *more))
    assert result.exit_code == 1 and expected in result.output
    assert not (tmp_path / "run").exists()
