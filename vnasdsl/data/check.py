"""`vnasdsl data check`: what is wrong with the videos of a data set, found by decoding all of them."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median_low
from typing import Any

from vnasdsl.data.examine import Condition, examine, of_each
from vnasdsl.data.layouts.common import VIDEO_SUFFIXES
from vnasdsl.data.videos import DataSet, Video


@dataclass(frozen=True)
class Problem:
    """`kind`: unreadable, damaged, short, variable, rotated, copy, label or unused."""

    kind: str
    file: str
    detail: str


def check(
    data: DataSet,
    workers: int,
    shortest: int = 16,
    most_unreadable: float = 0.01,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """What `--json` prints. progress: called after each video; shortest: frames of a clip. Raises: UserError."""
    videos = (*data.train, *data.test)
    seen: list[Condition] = []
    for condition in of_each(videos, examine, workers):
        seen.append(condition)
        progress()
    found = list(zip(videos, seen, strict=True))
    copies, doubled = _copies(data, found)
    problems = [
        *(problem for video, condition in found for problem in _problems_of(video, condition, shortest)),
        *copies,
        *_labels(data),
        *_unused(data),
    ]
    broken = {problem.file for problem in problems if problem.kind in ("unreadable", "damaged")}
    seconds = Counter[str]()
    for video, condition in found:
        seconds.update(dict.fromkeys(data.classes_of(video), int(1000 * condition.seconds)))
    counts = {"train": data.counts(data.train), "test": data.counts(data.test)}
    return {
        "name": data.name,
        "videos": {"train": len(data.train), "test": len(data.test)},
        "hours": round(sum(condition.seconds for condition in seen) / 3600, 4),
        "classes": [
            {"name": name, **{part: counts[part][name] for part in counts}, "hours": round(seconds[name] / 3.6e6, 4)}
            for name in data.classes
        ],
        "lengths": _spread([condition.frames for condition in seen if condition.frames]),
        "sizes": [
            {"height": height, "width": width, "files": files}
            for (height, width), files in Counter((c.height, c.width) for c in seen if c.frames).most_common()
        ],
        "balance": max(counts["train"].values()) / min(counts["train"].values()),
        "problems": [asdict(problem) for problem in problems],
        "exclude": sorted(broken | doubled),
        "fails": list(_failures(data, {p.file for p in problems if p.kind == "unreadable"}, most_unreadable)),
        "notes": list(data.notes),
    }


def _spread(lengths: list[int]) -> dict[str, int] | None:
    return {"min": min(lengths), "median": median_low(lengths), "max": max(lengths)} if lengths else None


def _problems_of(video: Video, found: Condition, shortest: int) -> Iterator[Problem]:
    if found.reason:
        yield Problem("damaged" if found.frames else "unreadable", video.path, found.reason)
    if not found.frames:
        return
    if found.frames < shortest:
        detail = f"{found.frames} frames, a clip has {shortest}: they are repeated"
        yield Problem("short", video.path, detail)
    if found.variable:
        yield Problem("variable", video.path, "the time between frames varies: clips count frames, not seconds")
    if found.rotation:
        yield Problem("rotated", video.path, f"by {found.rotation} degrees: clips are turned upright")


def _copies(data: DataSet, found: list[tuple[Video, Condition]]) -> tuple[list[Problem], set[str]]:
    """Videos with the same encoded frames, and those of them to leave out: test videos and first ones are kept."""
    same: dict[str, list[Video]] = defaultdict(list)
    for video, condition in found:
        if condition.digest:
            same[condition.digest].append(video)
    tests = {video.path for video in data.test}
    problems, left_out = [], set()
    for group in same.values():
        kept, *others = sorted(group, key=lambda video: video.path not in tests)
        for video in others:
            across = (video.path in tests) != (kept.path in tests)
            where = "a training video is a copy of the test video" if across else "copy of"
            label = (
                "" if video.label == kept.label else f", whose label is `{kept.class_name}`, not `{video.class_name}`"
            )
            problems.append(Problem("copy", video.path, f"{where} {kept.path}{label}"))
            left_out.add(video.path)
    return problems, left_out


def _labels(data: DataSet) -> Iterator[Problem]:
    spellings: dict[str, str] = {}
    for name in data.classes:
        plain = "".join(name.split()).replace("_", "").casefold()
        if plain in spellings:
            yield Problem("label", name, f"differs from `{spellings[plain]}` only in case, spaces or underscores")
        spellings.setdefault(plain, name)
        if name != " ".join(name.split()) or not name.isprintable():
            yield Problem("label", name, "has spaces at an end, several in a row, or characters that do not show")


def _unused(data: DataSet) -> Iterator[Problem]:
    """Files beside the videos that no reader takes; of a list (CSV), its folder may hold anything."""
    if data.layout == "csv":
        return
    used = {video.path for video in (*data.train, *data.test)}
    root = Path(os.path.commonpath([Path(path).parent for path in used]))
    folders = {Path(path).parent for path in used}
    for path in sorted(root.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(root).parts) or not path.is_file():
            continue
        if os.path.realpath(path) in used | data.excluded:
            continue
        if path.suffix.lower() in VIDEO_SUFFIXES:
            place = "lies in no folder of a class" if data.layout == "folder" else "is in no list"
            yield Problem("unused", str(path), f"this video {place}")
        elif data.layout == "folder" and path.parent in folders:
            yield Problem("unused", str(path), f"`{path.suffix}` is no suffix of a video")


def _failures(data: DataSet, unreadable: set[str], most: float) -> Iterator[str]:
    """Why a training would end with an error."""
    total = len(data.train) + len(data.test)
    if len(unreadable) > most * total:
        yield f"{len(unreadable)} of {total} videos are unreadable, more than the allowed share of {most:.2%}"
    good = {name for video in data.train if video.path not in unreadable for name in data.classes_of(video)}
    for name in data.classes:
        if name not in good:
            yield f"no training video of class `{name}` can be read"
