"""Which frames and which part of the picture: pure rules, no files, no torch.

A clip of T frames with frame stride s spans (T - 1) s + 1 frames of the video. A video shorter than that is repeated
from its start as often as needed (frame numbers modulo its length): nothing is invented, no clip is lost.

A clip of S segments is made of S runs of T / S frames, one from each of S equal parts of the video (temporal segments:
Wang et al., "Temporal Segment Networks", ECCV 2016). A run longer than its part starts where the part starts and
continues after it, or earlier if it would leave the video. One segment is the plain clip.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Size = int | tuple[int, int]
"""In pixels: a square, or (height, width)."""
Scale = int | tuple[int, int]
"""In pixels: the short side with the aspect ratio kept, or (height, width) exactly."""


@dataclass(frozen=True)
class Stream:
    """Maps beside the frames of a video, computed before: read at the same times, and cut out at the same place."""

    name: str
    """Of the input."""
    channels: int
    is_flow: bool = False
    """Optical flow, to the right and down in turns: 127.5 is no motion."""

    @property
    def scale(self) -> tuple[float, float]:
        """Mean and standard deviation that values from 0 to 1 are normalised by: flow goes from -1 to 1."""
        return (0.5, 0.5) if self.is_flow else (0.0, 1.0)


@dataclass(frozen=True)
class ClipShape:
    """How clips are cut out of videos."""

    frames: int = 16
    size: Size = 224
    frame_stride: int = 1
    segments: int = 1
    scale: Scale = (256, 342)
    """Frames are scaled to this before they are cropped to `size`."""
    streams: tuple[Stream, ...] = ()
    """What a clip has behind its three channels of RGB."""

    @property
    def channels(self) -> int:
        """With those of the streams."""
        return 3 + sum(stream.channels for stream in self.streams)

    @property
    def crop(self) -> tuple[int, int]:
        """(height, width)"""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def short_side(self) -> int:
        """Of frames that keep their aspect ratio."""
        return self.scale if isinstance(self.scale, int) else max(min(self.scale), *self.crop)


def scaled_size(height: int, width: int, scale: Scale) -> tuple[int, int]:
    """(height, width) of a frame after scaling, in pixels."""
    if not isinstance(scale, int):
        return scale
    if height <= width:
        return scale, max(scale, round(width * scale / height))
    return max(scale, round(height * scale / width)), scale


def clip_frames(starts: Sequence[int], length: int, shape: ClipShape) -> list[int]:
    """The frame numbers of a clip whose runs start at `starts`, in a video of `length` frames."""
    run = shape.frames // len(starts)
    return [(start + step * shape.frame_stride) % length for start in starts for step in range(run)]


def random_starts(draws: Sequence[float], length: int, shape: ClipShape) -> list[int]:
    """Temporal jitter: a start for every draw, uniform in 0 .. 1; every start that fits is equally likely."""
    parts = _parts(length, shape)
    return [first + int(draw * (room + 1)) for draw, (first, room) in zip(draws, parts, strict=True)]


def even_starts(length: int, clips: int, shape: ClipShape) -> list[list[int]]:
    """The starts of the runs of each of `clips` clips: evenly over each part, from its first frame to the last start
    that fits; one clip: the middle of the parts."""
    by_part = [[first + offset for offset in even_offsets(room, clips)] for first, room in _parts(length, shape)]
    return [list(starts) for starts in zip(*by_part, strict=True)]


def _parts(length: int, shape: ClipShape) -> list[tuple[int, int]]:
    """Of every segment the first start of its run, and by how much it may be later."""
    span = (shape.frames // shape.segments - 1) * shape.frame_stride + 1
    bounds = [part * length // shape.segments for part in range(shape.segments + 1)]
    return [(max(0, min(begin, length - span)), max(0, end - begin - span)) for begin, end in pairwise(bounds)]


def even_offsets(room: int, count: int) -> list[int]:
    """`count` offsets evenly over 0 .. room, both ends included; one offset: the middle."""
    if count == 1:
        return [room // 2]
    return [(2 * place * room + count - 1) // (2 * (count - 1)) for place in range(count)]


def crop_corners(height: int, width: int, size: tuple[int, int], crops: int) -> list[tuple[int, int]]:
    """(top, left) of `crops` crops evenly along the longer side: left, middle, right, or top, middle, bottom."""
    room_down, room_right = height - size[0], width - size[1]
    if height > width:
        return [(top, room_right // 2) for top in even_offsets(room_down, crops)]
    return [(room_down // 2, left) for left in even_offsets(room_right, crops)]


def generator_for(*key: int) -> random.Random:
    """A random generator of its own for (seed, epoch, index): independent of workers, order and machine."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "little"))
