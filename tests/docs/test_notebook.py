"""The notebook of the documentation: what it shows is what it does."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT

NOTEBOOK = ROOT / "docs" / "tour.ipynb"


def cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_it_was_run_as_it_stands() -> None:
    found = cells(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    assert [cell["execution_count"] for cell in found] == list(range(1, len(found) + 1))
    outputs = [output for cell in found for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"]
    assert str(Path.home()) not in json.dumps(outputs)


@pytest.mark.slow
def test_it_runs_and_shows_the_same() -> None:
    """Up to the search, whose figures differ between machines."""
    spec = importlib.util.spec_from_file_location("notebook", ROOT / "docs" / "notebook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before, after = cells(json.loads(NOTEBOOK.read_text(encoding="utf-8"))), cells(module.execute())
    search = next(i for i, cell in enumerate(before) if "vnasdsl.search(" in "".join(cell["source"]))
    assert search > 5
    for old, new in zip(before[:search], after[:search], strict=True):
        assert shown(old) == shown(new)
    assert all(cell["outputs"] for cell in after)


def shown(cell: Any) -> dict[str, str]:
    """What a cell shows, by kind; what it prints may come in one piece or in several."""
    texts: dict[str, str] = {}
    for output in cell["outputs"]:
        for kind, text in output.get("data", {"printed": output.get("text", "")}).items():
            texts[kind] = texts.get(kind, "") + "".join(text)
    return texts
