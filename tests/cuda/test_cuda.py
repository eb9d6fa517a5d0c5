"""On a GPU: the same losses and gradients as on the CPU, in every mode and precision, and the commands run there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from tests.support import ROOT, shipped_space
from vnasdsl.cli.main import cli
from vnasdsl.codegen import compile_supernet
from vnasdsl.data.synthetic.make import Settings, make
from vnasdsl.elaborate import Overrides
from vnasdsl.searching.supernet import SupernetSearch
from vnasdsl.train.generated import load_class
from vnasdsl.train.loop import Meter
from vnasdsl.train.recipes import GradientRecipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CPU = torch.device("cpu")
MODES = ("full", "operations", "paths")


@pytest.fixture(autouse=True)
def full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """float32 is float32: no TF32, which has ten bits."""
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "videos"
    make(folder, Settings(classes=3, clips=8, test_clips=2, sizes=((24, 32),), lengths=(6, 8)))
    return folder


def vnasdsl(*arguments: str | Path) -> str:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="vnasdsl")
    assert result.exit_code == 0, result.output
    return result.stdout


def new_search(device: torch.device, **keys: Any) -> SupernetSearch:
    space = shipped_space("tiny", Overrides(frames=4, size=16, classes=3))
    torch.manual_seed(0)
    supernet: Any = load_class(compile_supernet(space, "space.vns"), "Supernet", Path("supernet.py"))()
    nothing: Any = None
    return SupernetSearch(supernet.train(), GradientRecipe(**keys), nothing, nothing, device, nothing)


def losses(device: torch.device, steps: int = 4, **keys: Any) -> tuple[list[float], dict[str, torch.Tensor]]:
    """The losses of some steps of each kind, and the state after them."""
    search = new_search(device, **keys)
    generator = torch.Generator().manual_seed(1)
    found = []
    for number in range(steps):
        clips = torch.randn(4, 3, 4, 16, 16, generator=generator).to(device)
        labels = torch.randint(3, (4,), generator=generator).to(device)
        for of_choices in (True, False):
            if search.draws is not None:
                search.draws.draw(of_choices, number)
            meter = Meter(device)
            (search.choice_step if of_choices else search.weight_step)(clips, labels, 0.01, meter)
            found.append(meter.loss or 0.0)
    return found, {name: tensor.cpu() for name, tensor in search.model.state_dict().items()}


@pytest.mark.parametrize("mode", MODES)
def test_steps_on_the_gpu_are_those_on_the_cpu(mode: str) -> None:
    ours, state = losses(DEVICE, mode=mode)
    expected, expected_state = losses(CPU, mode=mode)
    assert ours == pytest.approx(expected, rel=2e-3)
    for name in (name for name in state if name.endswith(("alphas", "betas"))):
        torch.testing.assert_close(state[name], expected_state[name], rtol=0.05, atol=2e-3, msg=name)


def test_bf16_is_near_float32() -> None:
    half, _ = losses(DEVICE, steps=8, precision="bf16")
    full, _ = losses(DEVICE, steps=8)
    assert half == pytest.approx(full, rel=0.1) and half != full


@pytest.mark.parametrize("strategy", ["gradient", "one_shot", "evolution"])
def test_search_retrain_evaluate_and_bench(strategy: str, videos: Path, tmp_path: Path) -> None:
    run, data = tmp_path / "run", f"synthetic:{videos}"
    space = ROOT / "tests" / "search" / "small.vns"
    keys = {"rounds": 2, "scored": 4, "finalists": 0, "epochs": 2}
    wanted = {"gradient": ("epochs",), "one_shot": ("epochs", "scored", "finalists"), "evolution": ("rounds", "epochs")}
    settings = [f"--set={key}={keys[key]}" for key in wanted[strategy]]
    where = ("--data", data, "--out", run, "--device", "cuda", "-q")
    vnasdsl("search", space, *where, f"--set=strategy={strategy}", *settings)
    assert json.loads((run / "run.json").read_text())["device"].startswith("cuda")
    vnasdsl("retrain", run, "--device", "cuda", "-q", "--set", "precision=bf16")
    evaluate = ("evaluate", run / "retrained", "-q", "--json", "--set", "precision=fp32", "--device")
    on_gpu, on_cpu = (json.loads(vnasdsl(*evaluate, device)) for device in ("cuda", "cpu"))
    assert on_gpu["top1"] == pytest.approx(on_cpu["top1"], abs=0.2)
    measured = json.loads(vnasdsl("bench", run, "--batch", "1", "--device", "cuda", "--json"))
    assert measured[0]["median_ms"] > 0


def test_a_search_on_the_gpu_resumes(videos: Path, tmp_path: Path) -> None:
    space, out = ROOT / "tests" / "search" / "small.vns", tmp_path / "run"
    search = ["search", space, "--data", f"synthetic:{videos}", "--out", out, "--device", "cuda", "-q"]
    vnasdsl(*search)
    before = (out / "metrics.jsonl").read_text()
    (out / "network.vns").unlink()
    vnasdsl(*search, "--resume")
    assert (out / "metrics.jsonl").read_text() == before and (out / "network.vns").is_file()


@pytest.mark.parametrize("mode", MODES)
def test_the_estimated_memory_is_near_the_measured_peak(mode: str) -> None:
    from vnasdsl.searching.estimate import Estimate, draw_largest

    space = shipped_space("tiny", Overrides(frames=8, size=64, classes=3))
    recipe = GradientRecipe(mode=mode, batch=16)  # type: ignore[arg-type]
    estimate = Estimate(space, DEVICE)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    search = estimate.search_on(DEVICE, recipe)
    clips, labels = torch.randn(16, 3, 8, 64, 64, device=DEVICE), torch.zeros(16, dtype=torch.long, device=DEVICE)
    for _ in range(2):
        draw_largest(search.model, mode, 2)
        search.choice_step(clips, labels, 0.01, Meter(DEVICE))
        draw_largest(search.model, mode, 1)
        search.weight_step(clips, labels, 0.01, Meter(DEVICE))
    measured = torch.cuda.max_memory_allocated() - before
    assert estimate.peak(recipe) == pytest.approx(measured, rel=0.25)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="this machine has less than two CUDA devices")
def test_two_gpus_exchange_by_nccl(videos: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.support import cli_environment

    space = ROOT / "tests" / "search" / "small.vns"
    command = ["search", space, "--data", f"synthetic:{videos}", "--out", tmp_path / "run", "--devices", "2", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "vnasdsl", *map(str, command)],
        env=cli_environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
