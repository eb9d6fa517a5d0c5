"""Which frames and which part of the picture: pure rules, no files, no torch.

A clip of T frames with frame stride s spans (T - 1) s + 1 frames of the video. A video shorter than that is
repeated from its start as often as needed (frame numbers modulo its length): nothing is invented, no clip is lost.
"""

from __future__ import annotations

import hashlib
import random


def clip_frames(start: int, length: int, frames: int, stride: int) -> list[int]:
    """The `frames` frame numbers of a clip that begins at `start` in a video of `length` frames."""
    return [(start + step * stride) % length for step in range(frames)]


def span(frames: int, stride: int) -> int:
    return (frames - 1) * stride + 1


def random_start(draw: float, length: int, frames: int, stride: int) -> int:
    """Temporal jitter: every start that fits is equally likely; `draw` is uniform in 0 .. 1."""
    return int(draw * (max(0, length - span(frames, stride)) + 1))


def even_starts(length: int, frames: int, stride: int, clips: int) -> list[int]:
    """`clips` starts evenly over the video, from its first frame to the last start that fits; one clip: the middle."""
    return even_offsets(max(0, length - span(frames, stride)), clips)


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
