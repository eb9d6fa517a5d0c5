"""A finished one-shot search; tests only read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from vnasdsl.cli.main import cli


@pytest.fixture(scope="session")
def one_shot(space: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "one_shot"
    settings = ("strategy=one_shot", "epochs=3", "finalists=2", "finalist_epochs=1", "recalibrate=2")
    words = [word for setting in settings for word in ("--set", setting)]
    arguments = ["search", str(space), "--data", f"synthetic:{videos}", "--out", str(run), "--device", "cpu", *words]
    result = CliRunner().invoke(cli, arguments, prog_name="vnasdsl")
    assert result.exit_code == 0, result.output
    return run
