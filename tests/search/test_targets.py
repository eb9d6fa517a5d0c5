"""`search --target-macs` and `--target-params`: from the command line to the recipe of the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from click.testing import Result

from tests.support import shipped_space
from vnasdsl.searching.strategies.gradient import over_target
from vnasdsl.train.recipe_parts import MacsCost
from vnasdsl.train.recipes import GradientRecipe

Command = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--target-macs", "10X"), 2, "`10X` is no number above 0, such as 10G or 2.5M"),
        (("--target-macs", "0"), 2, "no number above 0"),
        (("--target-macs", "1M", "--target-params", "1K"), 2, "a search has one target"),
        (("--target-macs", "2.5G"), 1, "no network of `small` has 2,500,000,000 MACs"),
        (("--target-params", "3"), 1, "no network of `small` has 3 parameters"),
    ],
)
def test_a_target_that_cannot_be_met_is_an_error_before_anything_is_written(
    vnasdsl: Command, space: Path, videos: Path, tmp_path: Path, arguments: tuple[str, ...], status: int, message: str
) -> None:
    result = vnasdsl("search", space, "--data", f"synthetic:{videos}", "--out", tmp_path / "run", *arguments)
    assert result.exit_code == status
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("count", [1, 2])
def test_the_target_is_part_of_the_recipe_and_of_the_metrics(
    vnasdsl: Command, space: Path, videos: Path, tmp_path: Path, count: int
) -> None:
    quick = ("--set", "epochs=2", "--set", "warmup=1", "--set", "score_from=2", "--device", "cpu")
    data = ("--data", f"synthetic:{videos}", "--out", tmp_path / "run")
    finalists = ("--set", f"finalists={count}", "--set", "finalist_epochs=1")
    result = vnasdsl("search", space, *data, "--target-params", "0.6K", *quick, *finalists)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert len(report["finalists"]) == count and all(row["params"] <= 600 for row in report["finalists"])
    assert "params(weight=0.2, base=3500, target=600.0)" in (tmp_path / "run" / "recipe.vns").read_text()
    assert '"target_params": 600' in (tmp_path / "run" / "metrics.jsonl").read_text()
    assert "target 600  cost weight" in result.output


def test_a_network_above_the_target_comes_with_the_command_for_one_within_it() -> None:
    space = shipped_space("tiny")
    made = space.sample(Random(0))
    macs = space.choose(made).macs
    for target, lines in ((macs, 0), (macs - 1, 1)):
        recipe = GradientRecipe(cost=MacsCost(target=target))
        said = list(over_target(space, recipe, Path("runs/tiny"), made))
        assert len(said) == lines
        assert all(f"vnasdsl derive runs/tiny --max-macs {target}" in line for line in said)
    assert not list(over_target(space, GradientRecipe(), Path("runs/tiny"), made))
