"""A run folder: what was asked, what happened in every epoch, and what came out.

run.json       kind, command line, data, digests of the lists of videos, seed, versions, fixed choices
space.vns      the space that is searched (or network.vns, the network that is trained), in canonical form
recipe.vns     the resolved recipes, every value spelled out; recipe.json the same for programs
metrics.jsonl  one line per epoch
checkpoints/   the last and the best epoch
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vnasdsl import __version__
from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.checkpoint import Checkpoints
from vnasdsl.train.identity import require_same_run
from vnasdsl.train.json_lines import JsonLines

RUN_FILE = "run.json"


class RunFolder:
    """The files of a run, by name."""

    def __init__(self, path: Path):
        self.path = path
        self.checkpoints = Checkpoints(path / "checkpoints")
        self.metrics = JsonLines(path / "metrics.jsonl")

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def write(self, name: str, content: str | bytes) -> Path:
        """Write one file of the run, atomically."""
        write_atomic(self.path / name, content)
        return self.path / name

    def write_json(self, name: str, value: Any) -> Path:
        return self.write(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def facts(self) -> dict[str, Any]:
        """The content of run.json. Raises: UserError when the folder is not a run."""
        problem = f"`{self.path}` is not a run folder of vnasdsl"
        try:
            facts = json.loads((self.path / RUN_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{problem}: it has no `{RUN_FILE}`") from None
        except (OSError, ValueError):
            facts = None
        if not isinstance(facts, dict):
            raise UserError(f"{problem}: `{RUN_FILE}` is damaged")
        return facts


def open_run(path: Path, facts: Mapping[str, Any], sources: Mapping[str, str], resume: bool) -> RunFolder:
    """A new run folder with its facts and sources, or the existing one to resume.

    facts: for run.json; sources: content of space.vns (or network.vns), recipe.vns and recipe.json by file name.
    Raises: UserError when the folder is in use and `resume` is false, or when the run was started differently.
    """
    run = RunFolder(path)
    if path.exists() and not path.is_dir():
        raise UserError(f"`{path}` is a file, not a folder")
    if path.is_dir() and any(path.iterdir()):
        if not resume:
            raise UserError(f"`{path}` is not empty", "give another --out, or continue the run in it with --resume")
        if (path / RUN_FILE).exists():
            _reopen(run, facts, sources)
            return run
        if any(not entry.name.startswith(".") and entry.name not in sources for entry in path.iterdir()):
            raise UserError(
                f"`{path}` is not a run folder of vnasdsl: there is nothing to resume", "give another --out"
            )
    for name, source in sources.items():
        run.write(name, source)
    versions = {"vnasdsl": __version__, "torch": torch.__version__, "python": platform.python_version()}
    run.write_json(RUN_FILE, {**facts, "versions": versions})
    return run


def _reopen(run: RunFolder, facts: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    before = run.facts()
    compared = {name: source for name, source in sources.items() if name in ("space.vns", "network.vns")}
    require_same_run(run.path, before, facts, compared)
    if before["data"] != facts["data"]:  # the same videos in another place: they are read there from now on
        run.write_json(RUN_FILE, {**before, "data": facts["data"]})
