"""Convolutions and attention in one space: spaces/hybrid_tiny.vns searched on a few videos of the set `periods`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file

from tests.codegen.code import supernet
from tests.support import SPACES, shipped, some_slow
from vnasdsl.data.synthetic.make import Settings, make
from vnasdsl.elaborate import Overrides, load
from vnasdsl.searching.slices import slice_widths
from vnasdsl.train.generated import build

SHORT = ("epochs=1", "batch=4", "finalists=0")
STRATEGIES = {
    "one_shot": ("strategy=one_shot", "scored=12", "recalibrate=1", *SHORT[:2], "finalists=1", "finalist_epochs=1"),
    "evolution": ("strategy=evolution", "rounds=4", "population=3", "sample=2", *SHORT[:2]),
    "gradient": ("strategy=gradient", "mode=operations", "warmup=0", *SHORT),
}


@pytest.fixture(scope="module")
def periods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "periods"
    make(folder, Settings(task="periods", classes=2, clips=12, test_clips=2))
    return folder


FIXED = (
    "s2.stack[0].op=attend(2)|attend(4)",
    "s2.stack[1].op=basic(1)|skip",
    "s3.stack[0].op=attend(2)|skip",
    "s3.head.channels=12",
)
"""Sixteen networks are left, all with attention."""


def search(vnasdsl: Callable[..., Result], data: Path, run: Path, strategy: str) -> None:
    more = [word for setting in STRATEGIES[strategy] for word in ("--set", setting)]
    more += [word for fix in FIXED for word in ("--fix", fix)]
    space = SPACES / "hybrid_tiny.vns"
    found = vnasdsl("search", space, "--data", f"synthetic:{data}", "--out", run, "--device", "cpu", *more)
    assert found.exit_code == 0, found.output


@pytest.mark.parametrize("strategy", some_slow(["one_shot", "evolution", "gradient"], {"evolution", "gradient"}))
def test_what_is_found_is_a_network_of_the_space(
    vnasdsl: Callable[..., Result], periods: Path, tmp_path: Path, strategy: str
) -> None:
    run = tmp_path / "run"
    search(vnasdsl, periods, run, strategy)
    choices = json.loads((run / "choices.json").read_text(encoding="utf-8"))
    network = load(run / "network.vns").get()  # its claim to lie in the space is checked
    assert "attend" in json.dumps(choices) and "window_attention" in network.text()
    model = build(network).eval()
    model.load_state_dict(load_file(run / "network.safetensors"))
    with torch.no_grad():
        assert torch.isfinite(model(torch.rand(2, *network.input.shape))).all()


def test_shared_widths_leave_queries_keys_and_values_apart() -> None:
    model = supernet(shipped("hybrid_tiny", Overrides(classes=2)).get())
    shared = slice_widths(model)
    names = {name for name, parameter in model.named_parameters() if parameter in shared}
    assert any(name.endswith("window_attention.out.weight") for name in names)
    assert not any("qkv" in name for name in names)
