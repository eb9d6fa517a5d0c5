"""Every video looked into by several processes: quickly before a training begins, or decoded to its end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

import av
from torch.utils.data import Dataset

from vnasdsl.data.cache import STORE
from vnasdsl.data.faults import FaultLog
from vnasdsl.data.index import UnreadableVideo, open_video, reason_of, scan
from vnasdsl.data.loader import VideoLoader
from vnasdsl.data.videos import Video

T = TypeVar("T")

MOST_LOOKED_INTO = 5000
"""Before a training."""


@dataclass(frozen=True)
class Condition:
    """What decoding a whole video shows."""

    reason: str = ""
    """Why it cannot be read, or where reading ends; "" for a sound file."""
    frames: int = 0
    """That can be decoded."""
    listed: int = 0
    """That the file says it has."""
    seconds: float = 0.0
    height: int = 0
    width: int = 0
    rotation: int = 0
    """Degrees by which players turn it."""
    variable: bool = False
    """The time between frames varies."""
    digest: str = ""
    """Of its encoded frames: the same for a copy of the video under another name, or in another container."""


def look(path: str) -> str:
    """Why a video cannot be read, as far as its index and its first frame tell; "" if it can."""
    try:
        STORE.look(path)
    except UnreadableVideo as problem:
        return str(problem)
    return ""


def examine(path: str) -> Condition:
    """Decode every frame of a video; a folder of frames has no clock: 25 frames a second are assumed."""
    digest = hashlib.blake2b(digest_size=16)
    times: list[float] = []
    frames = damaged = rotation = height = width = 0
    try:
        listed = scan(path).frames
        with open_video(path) as (container, stream):
            try:
                for packet in container.demux(stream):
                    if packet.size:
                        digest.update(bytes(packet))
                    for frame in packet.decode():
                        assert isinstance(frame, av.VideoFrame)
                        frames += 1
                        damaged += frame.is_corrupt
                        height, width, rotation = frame.height, frame.width, round(frame.rotation) % 360
                        if frame.time is not None:
                            times.append(frame.time)
                reason = f"{damaged} of {frames} frames are damaged" if damaged else ""
            except (av.FFmpegError, OSError) as problem:
                reason = f"only {frames} of {listed} frames can be decoded: {reason_of(problem)}"
            rate = float(stream.average_rate or 25)
    except UnreadableVideo as problem:
        return Condition(str(problem))
    except (av.FFmpegError, OSError) as problem:
        return Condition(reason_of(problem))
    if not frames:
        return Condition(reason or "no frame can be decoded", listed=listed)
    if frames < listed and not reason:
        reason = f"only {frames} of {listed} frames can be decoded"
    gaps = [after - before for before, after in pairwise(times)]
    variable = len(gaps) > 1 and max(gaps) > 1.5 * min(gaps)
    seconds = sum(gaps) * len(times) / len(gaps) if gaps else frames / rate
    return Condition(reason, frames, listed, seconds, height, width, rotation, variable, digest.hexdigest())


@dataclass(frozen=True)
class _Examined(Dataset[T], Generic[T]):
    videos: Sequence[Video]
    by: Callable[[str], T]

    def __getitem__(self, key: tuple[int, int]) -> T:
        return self.by(self.videos[key[1]].path)


def of_each(videos: Sequence[Video], by: Callable[[str], T], workers: int) -> Iterator[T]:
    """What `by` (a function of a module) says of each video, in their order. Raises: UserError for one that hangs."""
    loader = VideoLoader(videos, _Examined(videos, by), 1, workers, FaultLog(1.0), collate=list)
    try:
        for batch in loader.batches():
            yield from batch
    finally:
        loader.close()


def require_readable(videos: Sequence[Video], faults: FaultLog, workers: int) -> None:
    """Look into videos before they are used, so that one error names all that cannot be read.

    Of very many an even sample is taken. Raises: UserError for more than the share that `faults` allows.
    """
    faults.expect(video.path for video in videos)
    if len(videos) > MOST_LOOKED_INTO:
        videos = [videos[place * len(videos) // MOST_LOOKED_INTO] for place in range(MOST_LOOKED_INTO)]
    reasons = zip(videos, of_each(videos, look, workers), strict=True)
    faults.add_all({video.path: reason for video, reason in reasons if reason})
