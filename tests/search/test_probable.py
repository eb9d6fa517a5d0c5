"""`vnasdsl derive` with a budget: the most probable networks, beside those of other decoders."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from vnasdsl.derive import Budgets
from vnasdsl.runs.folder import RunReader

Command = Callable[..., Result]


def test_the_first_is_written_and_compared(vnasdsl: Command, searched: Path, tmp_path: Path) -> None:
    space = RunReader(searched).space
    limit = (2 * space.macs[0] + space.macs[1]) // 3
    text = tmp_path / "small.vns"
    arguments = ("--max-macs", str(limit), "--top", "3", "--curve", "-o", text, "--device", "cpu", "-q")
    result = vnasdsl("derive", searched, *arguments, "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    found = figures["probable"]

    learnt = json.loads((searched / "choices.json").read_text())
    budgets = Budgets(space, learnt["path_weights"], learnt["mixture_weights"], "macs", 3)
    ranked = sorted(map(budgets.describe, space.networks()), key=lambda network: -network.log_probability)
    best = [network for network in ranked if network.macs <= limit][:3]
    assert [row["log_probability"] for row in found["top"]] == pytest.approx([n.log_probability for n in best])
    assert all(row["macs"] <= limit == found["max_macs"] and 0 <= row["top1"] <= 1 for row in found["top"])
    assert found["viterbi"]["choices"] == learnt["choices"]
    for name in ("viterbi", "greedy", "argmax"):
        network = budgets.describe(found[name]["choices"])
        assert (found[name]["macs"], found[name]["params"]) == (network.macs, network.params)
        assert found[name]["log_probability"] == pytest.approx(network.log_probability)
    assert found["curve"][-1] == [
        pytest.approx(min(n.macs for n in ranked if n.log_probability == ranked[0].log_probability)),
        pytest.approx(ranked[0].log_probability),
    ]

    first = found["top"][0]
    assert (figures["macs"], figures["params"], figures["top1"]) == (first["macs"], first["params"], first["top1"])
    assert text.is_file() and text.with_suffix(".safetensors").is_file()
    assert (tmp_path / "small.budgets.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((searched / "choices.json").read_text()) == learnt


def test_the_table_says_what_was_found(vnasdsl: Command, searched: Path, tmp_path: Path) -> None:
    text = tmp_path / "small.vns"
    result = vnasdsl("derive", searched, "--top", "2", "--curve", "-o", text, "--device", "cpu", "-q")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "the 2 most probable networks, and other ways to decode"
    assert [line.split()[0] for line in lines[2:7]] == ["1", "2", "Viterbi", "greedy", "argmax"]
    assert lines[8].split()[:3] == ["MACs", "at", "most"]
    assert lines[-2] == f"picture  {tmp_path / 'small.budgets.png'}"
    shares = [float(line.split()[-1]) for line in lines[9:] if line.count("  ") >= 2 and "K" in line]
    assert shares == sorted(shares) and shares[-1] == 1 and math.isfinite(shares[0])


def test_a_budget_that_nothing_meets_names_the_cheapest_and_writes_nothing(
    vnasdsl: Command, searched: Path, tmp_path: Path
) -> None:
    text = tmp_path / "small.vns"
    result = vnasdsl("derive", searched, "--max-params", "10", "-o", text, "--device", "cpu", "-q")
    assert result.exit_code == 1
    assert f"the cheapest has {RunReader(searched).space.params[0]:,}" in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())
    both = vnasdsl("derive", searched, "--max-params", "10", "--max-macs", "10", "-o", text)
    assert both.exit_code == 1 and "one budget at a time" in both.output
