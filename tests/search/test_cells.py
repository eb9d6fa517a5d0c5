"""`vnasdsl search` of Peng's cells by gradient, on video files: it ends with a network of the space, its code and
weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from tests.support import ROOT
from vnasdsl.cli.main import cli
from vnasdsl.elaborate import Overrides, load
from vnasdsl.space.elements import picked
from vnasdsl.train.generated import load_class

Command = Callable[..., Result]
SPACE = ROOT / "spaces" / "peng2019_tiny.vns"
QUICK = ("epochs=1", "warmup=0", "score_from=1", "batch=8", "workers=0", "recalibrate=1", "scale=18")
DARTS = ("start=1e-3", "affine=false", "second_order=true", "choices=adam(lr=0.05)", "cost=none", "grad_clip=5.0")


@pytest.fixture(scope="module")
def run(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search; tests only read it."""
    out = tmp_path_factory.mktemp("cells") / "run"
    settings = [word for setting in (*QUICK, *DARTS) for word in ("--set", setting)]
    arguments = ["search", str(SPACE), "--data", f"synthetic:{videos}", "--out", str(out), "--size", "16"]
    result = CliRunner().invoke(cli, [*arguments, *settings, "--device", "cpu", "-q"], prog_name="vnasdsl")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == f"retrain it: vnasdsl retrain {out}"
    return out


def test_the_network_lies_in_its_space(run: Path) -> None:
    space = load(SPACE, Overrides(classes=3, size=16)).get("peng2019_tiny")
    network = load(run / "network.vns").get("peng2019_tiny_child")
    made = network.choices_in(space)
    learnt = json.loads((run / "choices.json").read_text(encoding="utf-8"))
    assert made == learnt["choices"]
    edges = {name: picked(value) for name, value in made.items() if name.endswith(".edges")}
    assert {name: len(taken) for name, taken in edges.items()} == dict.fromkeys(edges, 2) and len(edges) == 4
    assert not any(value.startswith("none") for value in made.values())
    assert sum(name.endswith(".op") for name in made) == 8  # of the edges that are kept
    assert len(learnt["mixture_weights"]) == 10  # once each, however many cells there are


def test_its_weights_fit_its_code(run: Path) -> None:
    model = load_class((run / "network.py").read_text(encoding="utf-8"), "Network", run / "network.py")()
    model.load_state_dict(load_file(run / "network.safetensors"), strict=True)
    assert model.eval()(torch.zeros(1, 3, 8, 16, 16)).shape == (1, 3)


def test_a_run_can_be_decoded_and_drawn_again(run: Path, vnasdsl: Command, tmp_path: Path) -> None:
    again = vnasdsl("derive", run, "-o", tmp_path / "net.vns", "--device", "cpu", "-q")
    assert again.exit_code == 0, again.output
    one, two = load_file(run / "network.safetensors"), load_file(tmp_path / "net.safetensors")
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    drawn = vnasdsl("draw", run, "-o", tmp_path / "run.svg")
    assert drawn.exit_code == 0, drawn.output


def test_alphas_of_tied_cells_are_one_in_checkpoints(run: Path) -> None:
    weights = load_file(next((run / "checkpoints").glob("epoch-0001")) / "weights.safetensors")
    first = {n: t for n, t in weights.items() if n.endswith("alphas") and ".c1." in n}
    assert len(first) == 5
    for name, tensor in first.items():
        assert torch.equal(tensor, weights[name.replace(".c1.", ".c3.")]) and tensor.abs().max() > 0.01
    convolutions = [n for n in weights if ".c1." in n and n.endswith("point.weight")]
    assert convolutions
    for name in convolutions:  # the third cell is wider
        assert weights[name].shape != weights[name.replace(".c1.", ".c3.")].shape
