"""Which frames and which part of the picture: pure rules, no files, no torch.

A clip of T frames with frame stride s spans (T - 1) s + 1 frames of the video. A video shorter than that is
repeated from its start as often as needed (frame numbers modulo its length): nothing is invented, no clip is lost.

A clip of S segments is made of S runs of T / S such frames, one from each of S equal parts of the video (temporal
segments: Wang et al., "Temporal Segment Networks", ECCV 2016). A run that is longer than its part begins where the part
does and goes on behind it, or earlier if it would leave the video. One segment is the plain clip.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from itertools import pairwise


def clip_frames(starts: Sequence[int], length: int, frames: int, stride: int) -> list[int]:
    """The `frames` frame numbers of a clip whose runs begin at `starts` in a video of `length` frames."""
    run = frames // len(starts)
    return [(start + step * stride) % length for start in starts for step in range(run)]


def span(frames: int, stride: int) -> int:
    return (frames - 1) * stride + 1


def random_starts(draws: Sequence[float], length: int, frames: int, stride: int) -> list[int]:
    """Temporal jitter: a run for every draw, uniform in 0 .. 1; every start that fits its part is equally likely."""
    parts = _parts(length, frames // len(draws), stride, len(draws))
    return [first + int(draw * (room + 1)) for draw, (first, room) in zip(draws, parts, strict=True)]


def even_starts(length: int, frames: int, stride: int, clips: int, segments: int = 1) -> list[list[int]]:
    """The starts of the runs of each of `clips` clips: evenly over each part, from its first frame to the last start
    that fits; one clip: the middle of the parts."""
    parts = _parts(length, frames // segments, stride, segments)
    by_part = [[first + offset for offset in even_offsets(room, clips)] for first, room in parts]
    return [list(starts) for starts in zip(*by_part, strict=True)]


def _parts(length: int, frames: int, stride: int, segments: int) -> list[tuple[int, int]]:
    """Of every part the first start of a run of `frames` frames, and by how much it may be later."""
    needed = span(frames, stride)
    bounds = [part * length // segments for part in range(segments + 1)]
    return [(max(0, min(begin, length - needed)), max(0, end - begin - needed)) for begin, end in pairwise(bounds)]


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
