"""A finished one-shot search; tests only read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from vnasdsl.cli.main import cli

SETTINGS = ("strategy=one_shot", "epochs=3", "finalists=2", "finalist_epochs=1", "recalibrate=2")


def arguments(space: Path, videos: Path, run: Path, *settings: str) -> list[str]:
    words = ["search", str(space), "--data", f"synthetic:{videos}", "--out", str(run), "--device", "cpu", "-q"]
    return [*words, *(word for setting in (*SETTINGS, *settings) for word in ("--set", setting))]


@pytest.fixture(scope="session")
def one_shot(space: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "one_shot"
    result = CliRunner().invoke(cli, arguments(space, videos, run), prog_name="vnasdsl")
    assert result.exit_code == 0, result.output
    return run
