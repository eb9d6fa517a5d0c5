"""Reading the maps of videos, at the frames and places of their clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from vnasdsl.data.cache import STORE, Pick
from vnasdsl.data.index import UnreadableVideo
from vnasdsl.data.planes import Region
from vnasdsl.data.sampling import Stream
from vnasdsl.data.streams import ARRAY
from vnasdsl.data.videos import Video

_LONGER = 2
"""A stream may have so many frames more or less and still have those of the video, as flow has one less."""


def read_streams(
    video: Video,
    streams: Sequence[Stream],
    numbers: Sequence[int],
    length: int,
    size: tuple[int, int],
    region: Region,
    cache_bytes: int,
) -> Iterator[torch.Tensor]:
    """The maps of each stream at some frames of a video, (frames, h, w, channels) uint8.

    numbers: of frames, in a video of `length`; size: that its frames are scaled to. Raises: UnreadableVideo.
    """
    paths = dict(video.streams)
    for stream in streams:
        own = paths[stream.name]
        each = stream.channels // len(own)

        def pick(count: int) -> list[int]:
            return [_frame(number, length, count) for number in numbers]

        for path in own:
            try:
                if path.endswith(ARRAY):
                    maps = _read_array(path, pick, size, region)
                else:
                    maps = STORE.read(path, pick, size, cache_bytes, region)
            except UnreadableVideo as fault:
                raise UnreadableVideo(f"its `{stream.name}`, {path}: {fault}") from None
            if each * len(own) != stream.channels or maps.shape[-1] < each:
                message = f"it has {maps.shape[-1]} channels, and {stream.channels} come from {len(own)} places"
                raise UnreadableVideo(f"its `{stream.name}`, {path}: {message}")
            yield maps[..., :each]


def _frame(number: int, length: int, count: int) -> int:
    """The frame of a stream of `count` frames that is shown with a frame of its video."""
    if abs(length - count) <= _LONGER:
        return min(number, count - 1)
    return number * count // length


def _read_array(path: str, pick: Pick, size: tuple[int, int], region: Region) -> torch.Tensor:
    try:
        maps = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as fault:
        raise UnreadableVideo(str(fault)) from None
    if maps.dtype != np.uint8 or maps.ndim != 4 or not len(maps):
        found = f"it is {maps.dtype} of {maps.ndim} dimensions"
        raise UnreadableVideo(f"{found}, not uint8 (frames, rows, columns, channels)")
    taken = torch.from_numpy(np.ascontiguousarray(maps[pick(len(maps))]))
    if tuple(taken.shape[1:3]) != size:
        floats = taken.movedim(-1, 1).float()
        floats = F.interpolate(floats, size, mode="bilinear", antialias=True)
        taken = floats.round_().clamp_(0, 255).to(torch.uint8).movedim(1, -1)
    return taken[:, *region(*size)]


def mirrored(clip: torch.Tensor, streams: Sequence[Stream]) -> torch.Tensor:
    """A clip (T, H, W, 3 + channels of the streams) with left and right exchanged: what moves right moves left then."""
    clip = clip.flip(2)
    first = 3
    for stream in streams:
        if stream.is_flow:
            clip[..., first : first + stream.channels : 2] = 255 - clip[..., first : first + stream.channels : 2]
        first += stream.channels
    return clip
