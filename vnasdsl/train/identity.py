"""Which videos a run was started with: kept in run.json, so that a run does not go on with others unnoticed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from vnasdsl.data import DataSet, Video

_PARTS = {"train": "training", "test": "test"}


def video_facts(data: DataSet) -> dict[str, Any]:
    """For run.json: number and digest of the training and of the test videos.

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


def differing_videos(before: Any, now: Mapping[str, Any]) -> list[str]:
    """What is not as it was, in words; nothing for a run of a version that kept no digests."""
    found = []
    for part, word in _PARTS.items():
        old, new = before.get(part) if isinstance(before, dict) else None, now[part]
        if not isinstance(old, dict) or old.get("digest") == new["digest"]:
            continue
        then, count = old.get("videos"), new["videos"]
        found.append(
            f"{then} {word} videos then, {count} now"
            if then != count
            else f"{count} {word} videos then and now, but not the same files and labels"
        )
    return found
