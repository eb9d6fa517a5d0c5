"""Small models, one thread: faster and the same on every machine. And a small set of real video files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from tests.support import ROOT, pictures_as_words
from vnasdsl.cli.main import cli
from vnasdsl.data.synthetic.make import Settings, make

torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="module")
def no_picture_is_drawn() -> Iterator[None]:
    """tests/show draws each kind."""
    with pictures_as_words():
        yield


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, eight training and two test videos of each."""
    folder = tmp_path_factory.mktemp("data") / "videos"
    make(folder, Settings(classes=3, clips=8, test_clips=2, sizes=((24, 32),), lengths=(6, 8)))
    return folder


@pytest.fixture(scope="session")
def more_videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with four classes."""
    folder = tmp_path_factory.mktemp("data") / "more"
    make(folder, Settings(classes=4, clips=8, test_clips=2, sizes=((24, 32),), lengths=(6, 8)))
    return folder


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("space")
    shutil.copy(ROOT / "tests" / "search" / "small.vns", folder)
    return folder / "small.vns"


@pytest.fixture
def vnasdsl(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`vnasdsl("search", ...)`: the command in this process."""
    monkeypatch.delenv("VNASDSL_TRACEBACK", raising=False)

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="vnasdsl")

    return run


@pytest.fixture(scope="session")
def searched(space: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search; tests only read it. What it printed is beside it, in output.txt."""
    run = tmp_path_factory.mktemp("runs") / "searched"
    arguments = ["search", str(space), "--data", f"synthetic:{videos}", "--out", str(run), "--device", "cpu", "-q"]
    with pictures_as_words():
        result = CliRunner().invoke(cli, arguments, prog_name="vnasdsl")
    assert result.exit_code == 0, result.output
    (run.parent / "output.txt").write_text(result.stdout, encoding="utf-8")
    return run
