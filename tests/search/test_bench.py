"""Networks measured side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from vnasdsl.elaborate import load
from vnasdsl.searching import bench as benching
from vnasdsl.searching.bench import Setting, bench

Command = Callable[..., Result]
NETWORKS = """\
block unit(width, stride) { conv(width, 3x3x3, stride=(1, stride, stride)) -> bn -> relu }

network one {
  input clip = video(frames=4, size=16, classes=3)
  unit(8, 2)
  pool -> linear(classes)
}

network two {
  input clip = video(frames=4, size=16, classes=3)
  unit(8, 1) -> unit(16, 1)
  pool -> linear(classes)
}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("networks") / "both.vns"
    path.write_text(NETWORKS)
    return path


def test_all_run_in_turn_and_are_compared_by_round(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is ten times slower in every second round: times say so, ratios do not."""
    now, order = [0.0], []
    costs = {"one": 1.0, "two": 3.0}

    def run(self: benching._Contender) -> None:
        slow = 10 if len(order) // 4 % 2 else 1
        now[0] += (
            costs[self.name] * slow * (0.5 if self.setting.precision == "bf16" else 1.0) * len(self.clips[0]) / 1000
        )
        order.append((self.name, self.setting.precision))

    monkeypatch.setattr(benching, "WARM_UP", 0)
    monkeypatch.setattr(benching._Contender, "run", run)
    monkeypatch.setattr(benching._Contender, "memory", lambda self: 1)
    networks = {name: load(file).get(name) for name in costs}
    settings = (Setting(), Setting("bf16"))
    found = list(bench(networks, batches=(1, 2), settings=settings, rounds=4, clock=lambda: now[0]))
    assert order == [(name, precision) for precision in ("fp32", "bf16") for name in costs] * 8
    assert [(each.network, each.precision, each.batch) for each in found] == [
        (name, setting.precision, batch) for batch in (1, 2) for setting in settings for name in costs
    ]
    assert [each.ratio for each in found] == pytest.approx([1.0, 3.0, 0.5, 1.5] * 2)
    assert all(each.ratio_spread < 1e-9 and each.spread > 1 for each in found)
    assert found[1].median_ms == pytest.approx(3 * 5.5) and found[5].median_ms == pytest.approx(6 * 5.5)
    assert found[5].clips_per_second == pytest.approx(1000 * 2 / 33)


def test_the_command_measures_networks(vnasdsl: Command, file: Path) -> None:
    result = vnasdsl("bench", f"{file}:one", f"{file}:two", "--batch", "1,4", "--runs", "2", "-q", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [(row["network"][-3:], row["batch"]) for row in rows] == [("one", 1), ("two", 1), ("one", 4), ("two", 4)]
    for row in rows:
        network = load(file).get(row["network"][-3:])
        assert (row["macs"], row["params"]) == (network.macs[0], network.params[0])
        assert row["median_ms"] > 0 and row["clips_per_second"] > 0 and not row["compiled"]
    # Of `two`: the clip, and at its widest point input and output of the second convolution.
    clip, wide = 4 * 3 * 4 * 16 * 16, 4 * 4 * 16 * 16
    for row in rows[1::2]:
        assert row["memory"] > row["batch"] * (clip + (8 + 16) * wide) + 4 * row["params"]
    assert rows[3]["memory"] - rows[1]["memory"] == pytest.approx(3 * (clip + (8 + 16 + 16) * wide), rel=0.5)
    table = vnasdsl("bench", f"{file}:one", "--batch", "1", "--runs", "2", "-q").stdout
    assert "ms" in table and "1 thread" in table and "1.000" in table


def test_what_cannot_be_measured_is_said(vnasdsl: Command, file: Path, space: Path, tmp_path: Path) -> None:
    for words, status, reason in (
        ((space,), 1, "is a space"),
        ((tmp_path,), 1, "is not a run folder"),
        ((f"{file}:one", "--batch", "0"), 2, "no list of batch sizes"),
        ((f"{file}:one", "--runs", "1"), 2, "--runs"),
    ):
        result = vnasdsl("bench", *words, "-q")
        assert result.exit_code == status and reason in result.stderr


@pytest.mark.slow
def test_compiled_code_is_measured_beside_eager_code(vnasdsl: Command, file: Path) -> None:
    result = vnasdsl("bench", f"{file}:one", "--batch", "2", "--runs", "2", "--compile", "-q", "--json")
    assert result.exit_code == 0, result.output
    assert [(row["compiled"], row["memory"] is None) for row in json.loads(result.stdout)] == [
        (False, False),
        (True, True),
    ]
