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
    shown = cells(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    assert [cell["execution_count"] for cell in shown] == list(range(1, len(shown) + 1))
    outputs = [output for cell in shown for output in cell["outputs"]]
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
        assert [plain(output) for output in old["outputs"]] == [plain(output) for output in new["outputs"]]
    assert all(cell["outputs"] for cell in after)


def plain(output: Any) -> dict[str, str]:
    """The texts of an output; notebooks keep them in lines or in one piece."""
    texts = output.get("data", {"text": output.get("text", "")})
    return {kind: "".join(text) for kind, text in texts.items()}
