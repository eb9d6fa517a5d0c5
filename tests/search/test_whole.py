"""From a space to the scores of its network by the commands: search, derive, retrain, evaluate. With layers of a
project, and with elastic kernels, widths and depths."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.layers.test_custom import MINE, SETTINGS
from tests.search.test_commands import interrupted_in, same_weights
from vnasdsl.elaborate import Overrides, load

Command = Callable[..., Result]

GAINS = """
space net {
  input clip = video(frames=4, size=16)
  stage s1 { conv(4, 1x3x3, stride=1x2x2) -> bn -> relu }
  stage s2 {
    conv(4 | 6, 3x3x3) -> bn -> relu
    2 * (gain | gain(steep))
  }
  pool -> linear(classes)
}
"""
ELASTIC = """
import "vnasdsl:ofa3d"

space net {
  input clip = video(frames=4, size=16)
  stage s1 { head(4, 2) }
  stage s2 {
    head(4 | 6, 1)
    first()
    more()
  }
  pool -> linear(classes)
}
"""
RECIPES = """
search find for net {{
  strategy = {strategy}
  epochs = 2
  batch = 4
  workers = 0
  finalists = 2
  finalist_epochs = 1
  recalibrate = 1
  {more}
}}

retrain train for net {{
  epochs = 1
  batch = 4
  workers = 0
  clips = 1
  crops = 1
}}
"""
STRATEGIES = {"gradient": "warmup = 1", "one_shot": "scored = 8"}


def project(folder: Path, text: str, settings: str, strategy: str, more: str) -> Path:
    (folder / "own").mkdir(parents=True)
    (folder / "own" / "mine.py").write_text(MINE)
    (folder / "pyproject.toml").write_text(settings)
    (folder / "net.vns").write_text(text + RECIPES.format(strategy=strategy, more=more))
    return folder


def whole(vnasdsl: Command, folder: Path, videos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A search that is interrupted and goes on, and everything after it. Returns the run folder."""
    data = ("--data", f"synthetic:{videos}", "--device", "cpu", "-q")
    run, again = folder / "runs" / "found", folder / "runs" / "once"
    with monkeypatch.context() as patched:
        interrupted_in(2, patched)
        assert vnasdsl("search", folder / "net.vns", "--out", run, *data).exit_code == 130
    steps = (
        ("search", folder / "net.vns", "--out", run, *data, "--resume"),
        ("search", folder / "net.vns", "--out", again, *data),
        ("derive", run, "-q"),
        ("retrain", run, "--out", folder / "runs" / "trained", *data),
        ("check", run / "network.vns"),
    )
    for step in steps:
        result = vnasdsl(*step)
        assert result.exit_code == 0, result.output
    for name in ("network.vns", "network.py", "choices.json"):
        assert (run / name).read_bytes() == (again / name).read_bytes(), name
    assert same_weights(run / "network.safetensors", again / "network.safetensors")
    scores = vnasdsl("evaluate", folder / "runs" / "trained", *data, "--json")
    assert scores.exit_code == 0, scores.output
    assert json.loads(scores.stdout)["videos"] == 6
    return run


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_layers_of_a_project(
    vnasdsl: Command, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    folder = project(tmp_path / "mine", GAINS, SETTINGS, strategy, STRATEGIES[strategy])
    run = whole(vnasdsl, folder, videos, monkeypatch)
    assert "gain" in (run / "network.vns").read_text() and "class Gain(" in (run / "network.py").read_text()


@pytest.mark.slow
def test_elastic_kernels_widths_and_depths(
    vnasdsl: Command, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path / "ofa", ELASTIC, "", "one_shot", "scored = 8\n  elastic = true")
    run = whole(vnasdsl, folder, videos, monkeypatch)
    choices = json.loads((run / "choices.json").read_text())["choices"]
    space = load(folder / "net.vns", Overrides(classes=3)).get("net")
    assert load(run / "network.vns").get().choices_in(space) == choices
