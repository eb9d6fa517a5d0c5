"""The memory of a step, counted before it is taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
import torch
from click.testing import Result
from torch.profiler import ProfilerActivity, profile

from tests.codegen.code import read
from tests.support import ROOT, shipped_space
from vnasdsl.elaborate import Overrides
from vnasdsl.searching import estimate
from vnasdsl.searching.estimate import Estimate, _Allocations, draw_largest
from vnasdsl.train.loop import Meter
from vnasdsl.train.recipe_parts import Sgd
from vnasdsl.train.recipes import GradientRecipe, OneShotRecipe

Peak: TypeAlias = "Callable[[GradientRecipe | OneShotRecipe], int]"
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(scope="module")
def text() -> str:
    """A small space most of whose work is behind the first stage."""
    small = (ROOT / "tests" / "search" / "small.vns").read_text()
    small = small.replace("basic(2) | skip", "basic(2) | basic(3) | basic(4) | skip")
    return small.replace("4 | 6, 2", "16 | 24 | 32, 1").replace("6 | 8, 1", "24 | 32 | 40, 1")


@pytest.fixture(scope="module")
def wide(text: str) -> Estimate:
    return Estimate(read(text.replace("size=16)", "size=16, classes=3)")), CUDA)


@pytest.fixture(scope="module")
def peak(wide: Estimate) -> Peak:
    """What a recipe takes in that space, counted once."""
    count = wide.peak
    known: dict[str, int] = {}

    def answer(recipe: GradientRecipe | OneShotRecipe) -> int:
        if (key := repr(recipe)) not in known:
            known[key] = count(recipe)
        return known[key]

    return answer


def test_what_lives_at_the_same_time_is_added_up() -> None:
    with _Allocations() as seen:
        first = torch.empty(1000, device="meta")  # 4000 bytes
        second = first + 1  # 4000 more
        view = first.view(10, 100)
        del first
        assert (seen.live, seen.peak) == (8000, 8000)
        del view
        assert seen.live == 4000
        third = torch.cat([second, second, second])
        assert (seen.live, seen.peak) == (16000, 16000)
        del second, third
    assert seen.live == 0


def test_a_mode_that_runs_less_takes_less(peak: Peak) -> None:
    full, operations, paths, shared = (
        peak(GradientRecipe(mode=mode, batch=8))  # type: ignore[arg-type]
        for mode in ("full", "operations", "paths", "shared")
    )
    assert shared <= paths < operations < full
    assert peak(OneShotRecipe(batch=8)) <= paths


@pytest.mark.slow
def test_activations_grow_with_the_batch_and_halve_in_bf16(peak: Peak) -> None:
    four, eight, sixteen = (peak(GradientRecipe(batch=batch)) for batch in (4, 8, 16))
    assert sixteen - eight == pytest.approx(2 * (eight - four), rel=0.01)
    bf16 = peak(GradientRecipe(batch=16, precision="bf16")) - peak(GradientRecipe(batch=8, precision="bf16"))
    assert bf16 == pytest.approx((sixteen - eight) / 2, rel=0.05)


@pytest.mark.slow
def test_looking_a_step_ahead_takes_more(wide: Estimate) -> None:
    ahead = GradientRecipe(batch=8, second_order=True, weights=Sgd(lr=0.1))
    assert wide.peak(ahead) > 1.3 * wide.peak(GradientRecipe(batch=8))


@pytest.mark.slow
def test_cells_are_counted_too() -> None:
    assert Estimate(shipped_space("peng2019_tiny"), CUDA).peak(GradientRecipe(batch=2, mode="operations")) > 1_000_000


def test_a_refusal_names_the_mode_and_the_batch_that_fit(
    vnasdsl: Callable[..., Result],
    text: str,
    peak: Peak,
    videos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "wide.vns"
    file.write_text(text)
    monkeypatch.setattr(Estimate, "peak", lambda _, recipe: peak(recipe))
    monkeypatch.setattr(estimate, "_is_small", lambda *_: False)
    full, paths = (peak(GradientRecipe(mode=mode, batch=8)) for mode in ("full", "paths"))  # type: ignore[arg-type]
    free = (paths / 0.75 + full / 1.25) / 2
    assert paths < 0.7 * free and full > 1.3 * free
    search = ["search", file, "--data", f"synthetic:{videos}", "--device", "cpu", "--set", "batch=8", "--out"]
    monkeypatch.setattr(estimate, "free_bytes", lambda _: int(free))
    result = vnasdsl(*search, tmp_path / "run")
    assert result.exit_code == 1 and "a step takes about" in result.output and "are free on cpu" in result.output
    assert "--set mode=" in result.output and "--set batch=" in result.output
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(estimate, "free_bytes", lambda _: 1000)
    assert "fewer or narrower options" in vnasdsl(*search, tmp_path / "run").output


def allocated_by(steps: Callable[[], None], trace: Path) -> int:
    """The most bytes that torch's own allocator had given out: the profiler's record of every allocation."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        steps()
    profiler.export_chrome_trace(str(trace))
    events = json.loads(trace.read_text())["traceEvents"]
    return max(event["args"]["Total Allocated"] for event in events if event["name"] == "[memory]")


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "batch"), [("full", 4), ("operations", 8), ("paths", 8)])
def test_the_estimate_is_within_a_quarter_of_what_the_allocator_gives_out(
    mode: Literal["full", "operations", "paths"], batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "_CPU_BYTES", 0)
    recipe, cpu = GradientRecipe(mode=mode, batch=batch), torch.device("cpu")
    x3d3 = Estimate(shipped_space("x3d3", Overrides(frames=4, size=32)), cpu)

    def both_steps() -> None:
        search = x3d3.search_on(cpu, recipe)
        clips, labels = torch.randn(batch, 3, 4, 32, 32), torch.zeros(batch, dtype=torch.long)
        draw_largest(search.model, mode, 2)
        search.choice_step(clips, labels, 0.01, Meter(cpu))
        draw_largest(search.model, mode, 1)
        search.weight_step(clips, labels, 0.01, Meter(cpu))

    assert x3d3.peak(recipe) == pytest.approx(allocated_by(both_steps, tmp_path / "trace.json"), rel=estimate.TOLERANCE)
