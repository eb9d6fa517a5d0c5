"""`vnasdsl derive`: the same last words as `search`, other checkpoints, other places."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file

from vnasdsl.data.clips import ViewLoader
from vnasdsl.searching.run import reopen
from vnasdsl.train.checkpoint import Checkpoints

Command = Callable[..., Result]


@pytest.fixture
def run(searched: Path, tmp_path: Path) -> Path:
    shutil.copytree(searched, tmp_path / "run")
    return tmp_path / "run"


def test_derive_ends_as_search_does(vnasdsl: Command, searched: Path, run: Path) -> None:
    output = (searched.parent / "output.txt").read_text(encoding="utf-8")
    derive = vnasdsl("derive", run, "--device", "cpu", "-q")
    assert derive.exit_code == 0, derive.output
    assert derive.stdout == output.replace(str(searched), str(run))
    lines = derive.stdout.splitlines()
    assert lines[-1] == f"retrain it: vnasdsl retrain {run}"
    assert "top-1" in lines[-6] and lines[-5].startswith("cost: ") and "parameters" in lines[-5]
    figures = json.loads(vnasdsl("derive", run, "--device", "cpu", "-q", "--json").stdout)
    assert figures["retrain"] == f"vnasdsl retrain {run}" and figures["run"] == str(run)


def test_the_number_of_workers_can_be_set(vnasdsl: Command, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers: list[int] = []
    whole = ViewLoader.__init__

    def noted(self: ViewLoader, *arguments: Any, **more: Any) -> None:
        workers.append(more["workers"])
        whole(self, *arguments, **more)

    monkeypatch.setattr(ViewLoader, "__init__", noted)
    assert vnasdsl("derive", run, "-q").exit_code == 0
    assert vnasdsl("derive", run, "-q", "--workers", "1").exit_code == 0
    assert workers == [0, 1]
    assert vnasdsl("derive", run, "-q", "--workers", "-1").exit_code == 2


def test_the_best_checkpoint_goes_to_a_text_that_can_be_trained(
    vnasdsl: Command, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Make the best epoch another one than the last, with choices that are decoded otherwise.
    kept = Checkpoints(run / "checkpoints")
    last = kept.load("last")
    parameters, best = last.weights, {name: tensor.clone() for name, tensor in last.weights.items()}
    turned = [name for name in parameters if "alpha" in name or "beta" in name]
    assert turned
    for name in turned:
        best[name] = -best[name]
    state = {key: value for key, value in last.state.items() if key != "epoch"}
    kept.save(2, best, state, best=True)
    kept.save(3, parameters, state)
    assert kept.index() == {"last": "epoch-0003", "previous": "epoch-0002", "best": "epoch-0002"}

    before = (run / "network.vns").read_bytes()
    text = tmp_path / "nets" / "best.vns"
    result = vnasdsl("derive", run, "--checkpoint", "best", "-o", text, "--device", "cpu", "-q")
    assert result.exit_code == 0, result.output
    assert (run / "network.vns").read_bytes() == before != text.read_bytes()
    follow_up = result.stdout.splitlines()[-1]
    data = reopen(run)[3].name
    assert follow_up == (
        f"retrain it: vnasdsl retrain {text} --weights {text.with_suffix('.safetensors')} --data {data}"
        f" --out {text.with_suffix('')}"
    )
    settings = ("epochs=1", "batch=4", "scale=18", "clips=1", "crops=1", "workers=0")
    quick = [word for setting in settings for word in ("--set", setting)]
    trained = vnasdsl(*shlex.split(follow_up)[3:], *quick, "--device", "cpu", "--json")
    assert trained.exit_code == 0, trained.output
    inherited = load_file(text.with_suffix(".safetensors"))
    assert json.loads(trained.stdout)["inherited"] == len(inherited)
    assert all(torch.isfinite(tensor.float()).all() for tensor in inherited.values())
