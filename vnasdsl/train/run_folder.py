"""A run folder: what was asked, what happened in every epoch, and what came out.

run.json       kind, command line, data, digests of the lists of videos, seed, versions, fixed choices, input
space.vns      the text that is searched (or network.vns, the text that is trained)
recipe.vns     the resolved recipes, every value spelled out; recipe.json the same for programs
metrics.jsonl  one line an epoch
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
from vnasdsl.train.identity import differing_videos

RUN_FILE = "run.json"
# What must be equal for a run to go on: workers, device and the share of unreadable videos may change.
_IDENTITY = ("kind", "name", "data", "classes", "fix", "recipe", "inherited")


class RunFolder:
    """The files of a run, by name."""

    def __init__(self, path: Path):
        self.path = path
        self.checkpoints = Checkpoints(path / "checkpoints")

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def write(self, name: str, content: str | bytes) -> Path:
        """Write one file of the run (whole or not at all)."""
        write_atomic(self.path / name, content)
        return self.path / name

    def write_json(self, name: str, value: Any) -> Path:
        return self.write(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def facts(self) -> dict[str, Any]:
        """The content of run.json. Raises: UserError when the folder is not a run."""
        return read_json(self.path / RUN_FILE, f"`{self.path}` is not a run folder of vnasdsl")

    # -------------------------------------------------------------- metrics

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Add the line of one epoch."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The records of all epochs so far; a last line cut short by a kill is left out."""
        path = self.path / "metrics.jsonl"
        records = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
            try:
                records.append(json.loads(line))
            except ValueError:
                break
        return records

    def truncate_metrics(self, epochs: int) -> None:
        """Keep the records of the first `epochs` epochs."""
        kept = [record for record in self.metrics() if record["epoch"] <= epochs]
        self.write("metrics.jsonl", "".join(json.dumps(record) + "\n" for record in kept))


def open_run(path: Path, facts: Mapping[str, Any], texts: Mapping[str, str], resume: bool) -> RunFolder:
    """A new run folder with its facts and texts, or an existing one to go on with.

    facts: for run.json; texts: file name to content, for the inputs of the run (space.vns, recipe.vns).
    Raises: UserError when the folder is in use and `resume` is false, or when it was made from something else.
    """
    run = RunFolder(path)
    if path.exists() and not path.is_dir():
        raise UserError(f"`{path}` is a file, not a folder")
    if path.is_dir() and any(path.iterdir()):
        if not resume:
            raise UserError(f"`{path}` is not empty", "give another --out, or go on with the run there by --resume")
        if (path / RUN_FILE).exists():
            _same_run(run, facts, texts)
            return run
        if any(not entry.name.startswith(".") and entry.name not in texts for entry in path.iterdir()):
            raise UserError(
                f"`{path}` is not a run folder of vnasdsl, so there is nothing to resume", "give another --out"
            )
    path.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        run.write(name, text)
    versions = {"vnasdsl": __version__, "torch": torch.__version__, "python": platform.python_version()}
    run.write_json(RUN_FILE, {**facts, "versions": versions})
    return run


def _same_run(run: RunFolder, facts: Mapping[str, Any], texts: Mapping[str, str]) -> None:
    """Raise a UserError that names every input of the run that is not what it was."""
    before = run.facts()
    differing: list[str] = []
    for key in _IDENTITY:
        old, new = before.get(key), json.loads(json.dumps(facts.get(key)))
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
            if "strategy" in names:  # each has keys of its own: they say nothing more
                names = ["strategy"]
            differing.extend(
                f"{key} `{name}` was {json.dumps(old.get(name))}, is {json.dumps(new.get(name))}" for name in names
            )
        elif isinstance(old, list) and isinstance(new, list):
            differing.append(f"{key}: {len(old)} then, {len(new)} now, or others")
        else:
            differing.append(f"{key} was {old}, is {new}")
    for name, text in texts.items():
        if name.endswith(".vns") and name != "recipe.vns" and _read(run.path / name) != text:
            differing.append(f"the text is not the one in `{run.path / name}`")
    if differing:
        raise UserError(
            f"`{run.path}` was started differently: {'; '.join(differing)}",
            "give the arguments it was started with, or another --out",
        )
    changed = differing_videos(before.get("videos"), facts["videos"]) if "videos" in facts else []
    if changed:
        raise UserError(
            f"the videos of `{facts['data']}` are not those `{run.path}` was started with: {'; '.join(changed)}",
            "make the data set what it was, or start anew with another --out",
        )


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def read_json(path: Path, otherwise: str) -> dict[str, Any]:
    """A JSON object from a file. Raises: UserError starting with `otherwise` when it is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{otherwise}: there is no `{path.name}` in it") from None
    except (OSError, ValueError):
        raise UserError(f"{otherwise}: `{path.name}` is damaged") from None
    if not isinstance(value, dict):
        raise UserError(f"{otherwise}: `{path.name}` is damaged")
    return value
