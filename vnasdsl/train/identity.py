"""What a run was started with: it is resumed only with the same space, recipe and videos, wherever the files are."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from vnasdsl.data import DataSet, Video
from vnasdsl.language.diagnostics import UserError

_COMPARED = ("kind", "name", "classes", "fix", "recipe", "weights")
"""The facts of run.json that must be equal; the place of files, the device and the command line may differ."""
_PARTS = {"train": "training", "test": "test"}


def require_same_run(path: Path, before: Mapping[str, Any], now: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    """Raise a UserError that names every input that is not what the run at `path` was started with.

    before, now: facts for run.json; sources: the .vns files of the run by name, as they would be written now.
    """
    changes = [change for key in _COMPARED for change in _fact_changes(key, before.get(key), _plain(now.get(key)))]
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
    """Number and digest of the training and of the test videos.

    Only paths within the data set and labels count, so a data set may be moved as a whole.
    """
    root = os.path.commonpath([Path(video.path).parent for video in (*data.train, *data.test)])
    return {
        part: {"videos": len(videos), "digest": _digest(videos, root)}
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
    """The first lines in which two sources differ."""
    if old == new:
        return
    lines = [line.strip() for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[:2] in ("- ", "+ ")]
    removed = [line[2:].strip() for line in lines if line.startswith("- ")]
    added = [line[2:].strip() for line in lines if line.startswith("+ ")]
    was = f"`{removed[0]}`" if removed else "absent"
    now = f"`{added[0]}`" if added else "gone"
    more = len(lines) - bool(removed) - bool(added)
    yield f"`{name}` has changed: {was} is now {now}" + (f" ({more} more changed lines)" if more else "")


def _plain(value: Any) -> Any:
    """As JSON gives it back: tuples are lists."""
    return json.loads(json.dumps(value))
