"""Runs on a space of lists, and on the small space of the searches beside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support import ROOT, pictures_as_words
from vnasdsl.cli.main import cli

Search = Callable[..., Path]
LISTS = ROOT / "tests" / "search" / "evolve" / "lists.vns"


def trials(run: Path) -> list[dict[str, Any]]:
    """The lines of trials.jsonl."""
    return [json.loads(line) for line in (run / "trials.jsonl").read_text(encoding="utf-8").splitlines()]


def command(run: Path, videos: Path, *settings: str, text: Path = LISTS) -> list[str]:
    """The arguments of a search of `text` (lists.vns); each setting is a KEY=VALUE, or an option of its own."""
    more = [part for s in settings for part in ([s] if s.startswith("-") else ["--set", s])]
    return ["search", str(text), "--data", f"synthetic:{videos}", "--out", str(run), "--device", "cpu", *more]


def searched(run: Path, videos: Path, *settings: str, text: Path = LISTS) -> Result:
    return CliRunner().invoke(cli, command(run, videos, *settings, text=text), prog_name="vnasdsl")


@pytest.fixture
def search(videos: Path, tmp_path: Path) -> Search:
    """`search("name", "rounds=4", ...)`: a finished run in tmp_path/name."""

    def run(name: str, *settings: str, text: Path = LISTS) -> Path:
        result = searched(tmp_path / name, videos, *settings, text=text)
        assert result.exit_code == 0, result.output
        return tmp_path / name

    return run


@pytest.fixture(scope="session")
def evolved(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished evolution with an ensemble; tests only read it."""
    run = tmp_path_factory.mktemp("evolved") / "run"
    with pictures_as_words():
        result = searched(run, videos, "rounds=10", "epochs=2", "ensemble=3", "limits.params=700")
    assert result.exit_code == 0, result.output
    (run.parent / "output.txt").write_text(result.output, encoding="utf-8")
    return run
