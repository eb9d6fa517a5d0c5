"""The golden fixture: it shows what differs, updates when told, and never under CI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, cli_environment

INNER = """
import pathlib
import tests.conftest
tests.conftest.CASES = pathlib.Path(__file__).parent / "cases"

def test_it(golden):
    golden("one/a.txt", "first\\nnew\\n")
"""


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    (tmp_path / "test_inner.py").write_text(INNER)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "cases" / "one").mkdir(parents=True)
    (tmp_path / "cases" / "one" / "a.txt").write_text("first\nold\n")
    return tmp_path


def run_inner(folder: Path, *args: str, ci: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.conftest",
            "-p",
            "no:cacheprovider",
            "-c",
            "pytest.ini",
            *args,
        ],
        cwd=folder,
        env=cli_environment({"PYTHONPATH": str(ROOT), "CI": ci}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_difference_is_shown(inner: Path) -> None:
    result = run_inner(inner)
    assert result.returncode == 1
    assert "--- expected/one/a.txt\n+++ got/one/a.txt\n@@ -1,2 +1,2 @@\n first\n-old\n+new\n" in result.stdout


def test_update_and_then_equal(inner: Path) -> None:
    assert run_inner(inner, "--update-goldens").returncode == 0
    assert (inner / "cases" / "one" / "a.txt").read_text() == "first\nnew\n"
    assert run_inner(inner).returncode == 0


def test_no_update_under_ci(inner: Path) -> None:
    result = run_inner(inner, "--update-goldens", ci="true")
    assert result.returncode == 4
    assert "goldens are not updated under CI" in result.stderr
    assert (inner / "cases" / "one" / "a.txt").read_text() == "first\nold\n"
