"""Decoded small videos kept in memory, for all loaders of the process: decoding costs far more than cropping.

Nothing is evicted: every video is read once per epoch in random order, so keeping the first ones hits as often.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch

from vnasdsl.data.decode import Pictures, read_for, whole
from vnasdsl.data.decode_path import file_of
from vnasdsl.data.index import UnreadableVideo, VideoIndex, scan
from vnasdsl.data.memory import offered
from vnasdsl.data.planes import Planes, Region
from vnasdsl.data.sampling import Scale, scaled_size

DEFAULT_CACHE_BYTES = 256 * 2**20  # per process
# A video larger than this (decoded and scaled) is never kept: decoding it whole to use one clip would be waste.
LARGEST_KEPT = 4 * 2**20
_SMALL = 16
"""The size of a frame that is looked at."""

Key = tuple[str, int, int]  # path, time of change in ns, size in bytes: a file that changed is read again
Pick = Callable[[int], list[int]]  # number of frames in the video -> frame numbers, in any order, repeats allowed


class VideoStore:
    """Indices of all files read so far, and the decoded frames of the small ones."""

    def __init__(self) -> None:
        self._indices: dict[Key, VideoIndex] = {}
        self._frames: dict[Key, dict[tuple[Scale, bool], Pictures]] = {}
        self.bytes = 0

    def look(self, path: str) -> None:
        """Read the index and the first frame of a file that is not kept. Raises UnreadableVideo."""
        key = _key(path)
        if key not in self._frames:
            read_for(path, self._index(key), [0], _SMALL, whole, planes=False)

    def read(self, path: str, pick: Pick, scale: Scale, limit: int, region: Region = whole) -> torch.Tensor:
        """A region of the frames that `pick` names, in its order, as (frames, h, w, 3) uint8; only to be read. Raises
        UnreadableVideo.

        Keeps the whole video when it is small and the store stays within `limit` bytes.
        """
        return cast(torch.Tensor, self.read_for(path, pick, scale, limit, region, planes=False))

    def read_for(self, path: str, pick: Pick, scale: Scale, limit: int, region: Region, planes: bool) -> Pictures:
        """As `read`; planes: or what the device makes these frames of."""
        key = _key(path)
        frames = self._frames.get(key, {}).get((scale, planes))
        if frames is None:
            index = self._index(key)
            if _size(index, scale) > min(LARGEST_KEPT, limit - self.bytes):
                return self._decode(key, index, pick, scale, region, planes)
            with offered(None):  # for a clip, not to be kept
                frames = self._decode(key, index, lambda length: list(range(length)), scale, whole, planes)
            self._frames.setdefault(key, {})[scale, planes] = frames
            self.bytes += (frames.pixels if isinstance(frames, Planes) else frames).nbytes
        picked = pick(len(frames))
        if isinstance(frames, Planes):
            return frames.chosen(picked).cut(region)
        return _chosen(frames[:, *region(*frames.shape[1:3])], picked)

    def _index(self, key: Key) -> VideoIndex:
        if key not in self._indices:
            self._indices[key] = scan(key[0])
        return self._indices[key]

    def _decode(self, key: Key, index: VideoIndex, pick: Pick, scale: Scale, region: Region, planes: bool) -> Pictures:
        """Decode what `pick` names; a file that turns out shorter than its index is asked again at its true length."""
        while True:
            picked = pick(index.frames)
            wanted = sorted(set(picked))
            frames, length = read_for(key[0], index, wanted, scale, region, planes)
            if length == index.frames:
                place = {number: position for position, number in enumerate(wanted)}
                return frames if picked == wanted else _chosen(frames, [place[number] for number in picked])
            index = self._indices[key] = replace(index, frames=length, times=None, keys=(0,))

    def remember(self, path: str, index: VideoIndex) -> None:
        """The index of a video, made elsewhere."""
        self._indices[_key(path)] = index

    def clear(self) -> None:
        self._indices.clear()
        self._frames.clear()
        self.bytes = 0


STORE = VideoStore()


def _chosen(frames: Pictures, numbers: list[int]) -> Pictures:
    """Some frames, with their colours apart in memory as in all; those of a run are no copy."""
    if isinstance(frames, Planes):
        return frames.chosen(numbers)
    if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return frames[numbers[0] : numbers[-1] + 1]
    return frames.movedim(-1, 0)[:, numbers].movedim(0, -1)


def _key(path: str) -> Key:
    try:
        status = os.stat(file_of(path))  # noqa: PTH116 in half of the time, once for each clip
    except OSError as problem:
        raise UnreadableVideo(problem.strerror or str(problem)) from None
    return path, status.st_mtime_ns, status.st_size


def _size(index: VideoIndex, scale: Scale) -> int:
    height, width = scaled_size(max(1, index.height), max(1, index.width), scale)
    return index.frames * height * width * 3
