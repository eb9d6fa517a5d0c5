"""`benchmarks/gpu.py` runs from end to end without a GPU, at a small size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, cli_environment


@pytest.mark.slow
def test_the_page_is_whole_on_a_cpu(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    done = subprocess.run(
        [sys.executable, "benchmarks/gpu.py", "--device", "cpu", "--small", "--out", str(page)],
        cwd=ROOT,
        env=cli_environment({"OMP_NUM_THREADS": "1"}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert titles[:4] == ["Machine", "CUDA tests", "bf16 against fp32", "Steps by mode"] and len(titles) == 6
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith(("| full", "| operations", "| paths"))]
    assert len(rows) == 6 and all(row[-1].endswith("% |") for row in rows)
    assert "One clip through the network found" in text and "failed" not in text
