"""Places and environments that tests name."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "cases"


def cli_environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of a command under test: no colour, 100 columns, this repository's package, UTF-8."""
    dropped = {"FORCE_COLOR", "CLICOLOR_FORCE", "VNASDSL_TRACEBACK", "LINES"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    fixed = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(paths)}
    return kept | fixed | (more or {})
