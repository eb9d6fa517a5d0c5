from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.generated import load_generated

TEXT = """from torch import nn


class Tiny(nn.Linear):
    def __init__(self):
        super().__init__(2, 3)


Network = Tiny
"""


def test_what_the_compiler_makes_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text(TEXT)
    network = load_generated(tmp_path / "network.py", "Network", TEXT)()
    assert network(torch.ones(1, 2)).shape == (1, 3)
    assert not (tmp_path / "__pycache__").exists()


def test_an_edited_file_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "network.py"
    path.write_text(f"import os\nos.mkdir({str(tmp_path / 'ran')!r})\n" + TEXT)
    with pytest.raises(UserError, match="is not what the compiler generates"):
        load_generated(path, "Network", TEXT)
    assert not (tmp_path / "ran").exists()


def test_a_missing_file_is_written(tmp_path: Path) -> None:
    assert load_generated(tmp_path / "network.py", "Network", TEXT).__name__ == "Tiny"
    assert (tmp_path / "network.py").read_text() == TEXT
