"""A look into the files of a data set: lengths, sizes, and what cannot be read. Only first frames are decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from vnasdsl.data.videos import DataSet, Video


@dataclass(frozen=True)
class Survey:
    """`lengths` in frames, one per readable file looked into, ascending; `sizes` (height, width) -> files."""

    looked_into: int
    lengths: tuple[int, ...]
    sizes: dict[tuple[int, int], int]
    unreadable: dict[str, str]


def survey(videos: Sequence[Video], most: int | None = None) -> Survey:
    """Look into `most` of the videos, evenly chosen (None: all)."""
    from vnasdsl.data.decode import UnreadableVideo, VideoIndex, read, scan

    if most is not None and most < len(videos):
        videos = [videos[place * len(videos) // most] for place in range(most)]

    def look(video: Video) -> VideoIndex | str:
        try:
            index = scan(video.path)
            read(video.path, index, [0], 16)
            return index
        except UnreadableVideo as problem:
            return str(problem)

    with ThreadPoolExecutor(max_workers=4) as pool:
        seen = list(pool.map(look, videos))
    good = [index for index in seen if not isinstance(index, str)]
    bad = {video.path: text for video, text in zip(videos, seen, strict=True) if isinstance(text, str)}
    sizes = Counter((index.height, index.width) for index in good)
    return Survey(len(videos), tuple(sorted(index.frames for index in good)), dict(sorted(sizes.items())), bad)


def describe(data: DataSet, most: int | None = None) -> dict[str, Any]:
    """Classes, counts, lengths and sizes of a data set, as JSON has it; `most` files of each part are looked into."""
    parts = {"train": data.train, "test": data.test}
    surveys = {part: survey(videos, most) for part, videos in parts.items()}
    counts = {part: Counter(video.class_name for video in videos) for part, videos in parts.items()}
    return {
        "name": data.name,
        "layout": data.layout,
        "classes": [{"name": name, **{part: counts[part][name] for part in parts}} for name in data.classes],
        "splits": {
            part: {
                "videos": len(parts[part]),
                "missing": len(data.missing.get(part, ())),
                "looked_into": seen.looked_into,
                "lengths": _spread(seen.lengths),
                "sizes": [{"height": h, "width": w, "files": n} for (h, w), n in seen.sizes.items()],
                "unreadable": seen.unreadable,
            }
            for part, seen in surveys.items()
        },
        "notes": list(data.notes),
    }


def _spread(lengths: Sequence[int]) -> dict[str, int] | None:
    """Shortest, median and longest of some lengths in ascending order."""
    return {"min": lengths[0], "median": lengths[len(lengths) // 2], "max": lengths[-1]} if lengths else None
