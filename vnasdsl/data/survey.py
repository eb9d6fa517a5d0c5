"""A look into the files of a data set: lengths, sizes, and what cannot be read. Packets only, nothing is decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from vnasdsl.data.videos import Video


@dataclass(frozen=True)
class Survey:
    """`lengths` in frames, one per readable file looked into, ascending; `sizes` (height, width) -> files."""

    looked_into: int
    lengths: tuple[int, ...]
    sizes: dict[tuple[int, int], int]
    unreadable: dict[str, str]


def survey(videos: Sequence[Video], most: int | None = None) -> Survey:
    """Look into `most` of the videos, evenly chosen (None: all)."""
    from vnasdsl.data.decode import UnreadableVideo, VideoIndex, scan

    if most is not None and most < len(videos):
        videos = [videos[place * len(videos) // most] for place in range(most)]

    def look(video: Video) -> VideoIndex | str:
        try:
            return scan(video.path)
        except UnreadableVideo as problem:
            return str(problem)

    with ThreadPoolExecutor(max_workers=4) as pool:
        seen = list(pool.map(look, videos))
    good = [index for index in seen if not isinstance(index, str)]
    bad = {video.path: text for video, text in zip(videos, seen, strict=True) if isinstance(text, str)}
    sizes = Counter((index.height, index.width) for index in good)
    return Survey(len(videos), tuple(sorted(index.frames for index in good)), dict(sorted(sizes.items())), bad)
