"""Goldens: they show what differs, are updated when told, and never under CI."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import conftest
from tests.support import ROOT, golden_difference


def test_a_difference_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "one" / "a.txt"
    assert "does not exist" in (golden_difference(path, "", update=False) or "")
    assert golden_difference(path, "first\nold\n", update=True) is None
    assert golden_difference(path, "first\nold\n", update=False) is None
    shown = golden_difference(path, "first\nnew\n", update=False)
    assert shown is not None
    assert "--- expected/a.txt\n+++ got/a.txt\n@@ -1,2 +1,2 @@\n first\n-old\n+new\n" in shown
    assert path.read_text() == "first\nold\n"


def test_no_update_under_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SimpleNamespace(getoption=lambda name: name == "--update-goldens")
    monkeypatch.setenv("CI", "")
    conftest.pytest_configure(config)  # type: ignore[arg-type]
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.UsageError, match="goldens are not updated under CI"):
        conftest.pytest_configure(config)  # type: ignore[arg-type]


def test_the_files_that_are_run_first_are_there() -> None:
    assert [name for name in conftest.LONGEST if not (ROOT / "tests" / name).is_file()] == []
