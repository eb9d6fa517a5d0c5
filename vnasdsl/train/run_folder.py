"""A run folder: what was asked, what happened in every epoch, and what came out.

run.json       kind, command line, data, digests of the lists of videos, seed, versions, fixed choices
space.vns      the space that is searched (or network.vns, the network that is trained), in canonical form
layers/        the files of the project that define layers, where it has any
recipe.vns     the resolved recipes, every value spelled out; recipe.json the same for programs
metrics.jsonl  one line per epoch
checkpoints/   the last and the best epoch
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from vnasdsl import __version__
from vnasdsl.data import DataSet, Video
from vnasdsl.data.spec import is_there, rebased
from vnasdsl.elaborate import Space
from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import LOCK_FILE, RUN_FILE, JsonLines, RunReader
from vnasdsl.train import ranks
from vnasdsl.train.checkpoint import Checkpoints
from vnasdsl.train.recipe_text import print_recipes, recipes_json
from vnasdsl.train.recipes import Recipe

_FORMAT = 2
"""Of a run folder, in run.json."""
_COMPARED = {"kind": None, "name": None, "classes": None, "fix": None, "recipe": None, "weights": None, "devices": 1}
"""The facts of run.json that must be equal, and what they are where it lacks them; the place of files, the kind of
device and the command line may differ. `batch` counts for each device, so their number belongs to the recipe."""
LAYERS = "layers/"
"""What the names of a project's layer files begin with in a run."""
_PARTS = {"train": "training", "test": "test"}


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
        return self.write(name, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def facts(self) -> dict[str, Any]:
        """The content of run.json. Raises: UserError when the folder is not a run."""
        return RunReader(self.path).facts


def run_facts(
    kind: str,
    name: str,
    data: DataSet,
    seed: int,
    start: Mapping[str, Any],
    recipe: Mapping[str, Any],
    device: torch.device,
    command: Sequence[str],
) -> dict[str, Any]:
    """For run.json. start: what else the result depends on; recipe: without what may change when a run is resumed."""
    return {
        "kind": kind,
        "name": name,
        "data": data.name,
        "classes": list(data.classes),
        "videos": video_facts(data),
        "seed": seed,
        **start,
        "recipe": recipe,
        "device": str(device),
        "devices": ranks.count(),
        "command": list(command),
    }


def run_sources(file: str, space: Space, recipes: Mapping[str, Recipe]) -> dict[str, str]:
    """The sources of a run by file name. file: `space.vns` or `network.vns`. Layer files of the project are
    kept and compared, but never run from here: a run folder of somebody else runs nothing."""
    recipe_source = print_recipes(recipes, space.name)
    layers = {f"{LAYERS}{layer.name}": layer.text for layer in space.definitions.catalogue.files}
    return {file: space.text(), "recipe.vns": recipe_source, "recipe.json": recipes_json(recipes), **layers}


def open_run(path: Path, facts: Mapping[str, Any], sources: Mapping[str, str], resume: bool) -> RunFolder:
    """A new run folder with its facts (run.json) and sources by file name, or the existing one to resume.

    Raises: UserError when the folder is in use and `resume` is false, or when the run was started differently.
    """
    run = RunFolder(path)
    if path.is_dir() and any(entry.name != LOCK_FILE for entry in path.iterdir()):
        if not resume:
            raise UserError(f"`{path}` is not empty", "give another --out, or continue the run in it with --resume")
        _sweep(path)
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
    run.write_json(RUN_FILE, {"format": _FORMAT, **facts, "data_from": _relative_to_here(path), "versions": versions})
    return run


def _sweep(path: Path) -> None:
    """Remove what a kill in the middle of writing leaves behind. Runs in folders below are not this run's."""
    for folder in (path, path / "checkpoints", path / "weights", path / "finalists", path / "ensemble"):
        for stale in folder.glob(".*.tmp"):
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                stale.unlink(missing_ok=True)


def _reopen(run: RunFolder, facts: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    before = run.facts()
    compared = {
        name: source
        for name, source in sources.items()
        if name in ("space.vns", "network.vns") or name.startswith(LAYERS)
    }
    require_same_run(run.path, before, facts, compared)
    if before["data"] != facts["data"]:  # the same videos in another place: they are read there from now on
        run.write_json(RUN_FILE, {**before, "data": facts["data"], "data_from": _relative_to_here(run.path)})


class MissingData(UserError):
    """The videos of a run are not to be found."""


def run_data(path: Path, facts: Mapping[str, Any]) -> str:
    """The data of a run as seen from here, also where it, or the run with them, was moved.

    facts: of run.json. A relative place is looked for in the working directory of the run, as seen from its folder, and
    in that of this process. Raises: MissingData.
    """
    spec = str(facts["data"])
    origin = (path / facts.get("data_from", "")).resolve()
    if "data_from" in facts and origin != Path.cwd() and is_there(found := rebased(spec, origin)):
        return found
    if is_there(spec):
        return spec
    raise MissingData(
        f"the videos of `{path}`, `{spec}`, are neither in `{origin}` nor in this folder", "say where by --data"
    )


def _relative_to_here(path: Path) -> str:
    """The working directory as seen from a run's folder."""
    return os.path.relpath(Path.cwd(), path.resolve())


def require_same_run(path: Path, before: Mapping[str, Any], now: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    """Raises: UserError that names every fact (of run.json) and source that the run was not started with."""
    changes = [
        change
        for key, default in _COMPARED.items()
        for change in _fact_changes(key, before.get(key, default), _plain(now.get(key, default)))
    ]
    for name, source in sources.items():
        kept = path / name
        changes += _source_changes(name, kept.read_text(encoding="utf-8") if kept.is_file() else "", source)
    if changes:
        raise UserError(
            f"`{path}` was started differently: {'; '.join(changes)}",
            "give the arguments it was started with, or another --out",
        )
    require_same_videos(path, before, now)


def require_same_videos(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raises: UserError when the data set no longer holds the videos that the run was started with."""
    changes = list(_video_changes(before.get("videos", {}), now["videos"]))
    if changes:
        raise UserError(
            f"the videos of `{now['data']}` are not those `{path}` was started with: {'; '.join(changes)}",
            "restore the data set, or start a new run with another --out",
        )


def video_facts(data: DataSet) -> dict[str, Any]:
    """Number and digest of the training and of the test videos, which do not change when a data set is moved, and
    whether a video may have several labels."""
    root = os.path.commonpath([Path(video.path).parent for video in (*data.train, *data.test)])
    several = any(video.labels for video in data.train)
    return {
        part: {"videos": len(videos), "digest": _digest(videos, root), "several_labels": several}
        for part, videos in (("train", data.train), ("test", data.test))
    }


def _digest(videos: Sequence[Video], root: str) -> str:
    digest = sha256()
    for path, label in sorted((os.path.relpath(video.path, root), video.label) for video in videos):
        digest.update(os.fsencode(path) + b"\0%d\n" % label)
    return digest.hexdigest()


def _video_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for part, word in _PARTS.items():
        old, new = before.get(part, {}), now[part]
        if old.get("digest") == new["digest"]:
            continue
        if old.get("videos") != new["videos"]:
            yield f"it had {old.get('videos')} {word} videos and has {new['videos']}"
        else:
            yield f"its {new['videos']} {word} videos are other files, or have other labels"


def _fact_changes(key: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if "strategy" in names:  # every strategy has its own keys: naming them adds nothing
            names = ["strategy"]
        for name in names:
            yield f"{key} `{name}` was {json.dumps(old.get(name))}, is {json.dumps(new.get(name))}"
    elif isinstance(old, list) and isinstance(new, list):
        yield f"it had {len(old)} {key} and has {len(new)}, or they have other names"
    elif key == "weights":
        yield "it started from other weights"
    else:
        yield f"{key} was {old}, is {new}"


def _source_changes(name: str, old: str, new: str) -> Iterator[str]:
    """The first line in which two sources differ."""
    for was, now in zip_longest(old.splitlines(), new.splitlines(), fillvalue=""):
        if was != now:
            yield f"`{name}` has changed: `{was.strip()}` is now `{now.strip()}`"
            return


def _plain(value: Any) -> Any:
    """As JSON gives it back: tuples are lists."""
    return json.loads(json.dumps(value))
