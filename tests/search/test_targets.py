"""`search --target-macs` and `--target-params`: from the command line to the recipe of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

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


def test_the_target_is_part_of_the_recipe_and_of_the_metrics(
    vnasdsl: Command, space: Path, videos: Path, tmp_path: Path
) -> None:
    quick = ("--set", "epochs=2", "--set", "warmup=1", "--set", "score_from=2", "--device", "cpu")
    data = ("--data", f"synthetic:{videos}", "--out", tmp_path / "run")
    result = vnasdsl("search", space, *data, "--target-params", "0.6K", *quick)
    assert result.exit_code == 0, result.output
    assert "params(weight=0.2, base=3500, target=600.0)" in (tmp_path / "run" / "recipe.vns").read_text()
    assert '"target_params": 600' in (tmp_path / "run" / "metrics.jsonl").read_text()
    assert "target 600  cost weight" in result.output
