"""Frame-accurate reading of chosen frames of a video file, by PyAV.

Frames are identified by their time stamps, never by the nominal frame rate, so variable frame rates work. `scan` reads
the packets without decoding them; `read` seeks to the key frame before the first wanted frame. Where time stamps are
not reliable (see `_SEEKABLE`), or a seek lands elsewhere, it counts from the start: slower, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import torch
from av.video.reformatter import Interpolation, VideoReformatter

from vnasdsl.data.sampling import Scale, scaled_size

# Formats that store a presentation time for every frame. AVI stores none: they are guessed, and with reordered frames
# (B-frames) guessed differently after a seek, so such a file is always counted from its start.
_SEEKABLE = frozenset({"mov", "mp4", "matroska", "webm"})


class UnreadableVideo(Exception):
    """The file cannot be decoded; the message says why."""


@dataclass(frozen=True)
class VideoIndex:
    """`times`: the time stamp of every frame in order of display, None where only counting is safe.
    `keys`: numbers of the frames that decoding may start at. `height`, `width`: as stored, before any turning."""

    frames: int
    times: tuple[int, ...] | None
    keys: tuple[int, ...]
    height: int
    width: int


def scan(path: str) -> VideoIndex:
    """Number, time stamps and key frames without decoding. Raises UnreadableVideo."""
    try:
        with open_video(path) as (container, stream):
            height, width = stream.codec_context.height, stream.codec_context.width
            formats = set(container.format.name.split(","))
            timed = bool(formats & _SEEKABLE) or (formats == {"avi"} and not stream.codec_context.has_b_frames)
            packets = [
                (packet.pts, bool(packet.is_keyframe))
                for packet in container.demux(stream)
                if packet.size and not packet.is_discard
            ]
    except (av.FFmpegError, OSError) as problem:
        raise UnreadableVideo(reason_of(problem)) from None
    if not packets:
        raise UnreadableVideo("it holds no frames")
    stamps = {time for time, _ in packets if time is not None}
    if not timed or len(stamps) < len(packets):
        return VideoIndex(len(packets), None, (0,), height, width)
    packets.sort()
    times = tuple(time for time, _ in packets if time is not None)
    keys = tuple(number for number, (_, key) in enumerate(packets) if key)
    return VideoIndex(len(times), times, keys or (0,), height, width)


@contextmanager
def open_video(path: str) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """A file and its first video stream. Raises UnreadableVideo, av.FFmpegError, OSError."""
    if Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for without end
        raise UnreadableVideo("it is not a regular file")
    with av.open(path) as container:
        if not container.streams.video:
            raise UnreadableVideo("it holds no video stream")
        stream = container.streams.video[0]
        # One thread per process: loaders run one process per core, and threads would only delay the first frame.
        stream.codec_context.thread_count = 1
        yield container, stream


def read(path: str, index: VideoIndex, wanted: Sequence[int], scale: Scale) -> tuple[torch.Tensor, int]:
    """Frames `wanted` (ascending, none twice) as (len(wanted), H, W, 3) uint8 RGB, and the frames found in the file.

    Fewer than `index.frames` are found, and perhaps fewer returned, when decoding ends early. Raises UnreadableVideo.
    """
    start = max((key for key in index.keys if key <= wanted[0]), default=0)
    try:
        if start > 0 and index.times is not None:
            found = _collect(path, wanted, scale, partial(_numbered_after_seek, index, start))
            if found is not None and len(found[0]) == len(wanted):
                return torch.stack(found[0]), index.frames
        found = _collect(path, wanted, scale, lambda container, stream: enumerate(container.decode(stream)))
        assert found is not None  # counting from the start cannot miss the first wanted frame by seeking
    except (av.FFmpegError, OSError) as problem:
        raise UnreadableVideo(reason_of(problem)) from None
    pictures, decoded = found
    if len(pictures) == len(wanted):
        return torch.stack(pictures), index.frames
    if decoded == 0:
        raise UnreadableVideo("no frame can be decoded")
    return torch.stack(pictures) if pictures else torch.empty(0), decoded


def _collect(
    path: str,
    wanted: Sequence[int],
    scale: Scale,
    numbered: Callable[[av.container.InputContainer, av.VideoStream], Iterator[tuple[int, av.VideoFrame]] | None],
) -> tuple[list[torch.Tensor], int] | None:
    """Wanted pictures, and the number of frames seen up to the last wanted one; None when seeking failed."""
    pictures: list[torch.Tensor] = []
    seen = 0
    with open_video(path) as (container, stream):
        frames = numbered(container, stream)
        if frames is None:
            return None
        to_picture = _Converter(scale)
        for number, frame in frames:
            seen = number + 1
            if number > wanted[len(pictures)]:
                return None
            if number == wanted[len(pictures)]:
                pictures.append(to_picture(frame))
                if len(pictures) == len(wanted):
                    break
    return pictures, seen


def _numbered_after_seek(
    index: VideoIndex, start: int, container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[tuple[int, av.VideoFrame]] | None:
    """Frames from key frame `start` on with their numbers, identified by time stamp; None when the seek missed."""
    assert index.times is not None
    container.seek(index.times[start], stream=stream, backward=True)
    number_of = {time: number for number, time in enumerate(index.times)}

    def frames() -> Iterator[tuple[int, av.VideoFrame]]:
        for frame in container.decode(stream):
            number = number_of.get(frame.pts) if frame.pts is not None else None
            if number is None:
                return
            if number >= start:  # frames shown before the key frame but stored after it may lack their reference
                yield number, frame

    return frames()


class _Converter:
    """Decoded frame -> (H, W, 3) uint8, scaled without aliasing and upright; the first frame decides the size."""

    def __init__(self, scale: Scale):
        self.scale = scale
        self.reformatter = VideoReformatter()
        self.size: tuple[int, int] | None = None  # before turning
        self.turns = 0  # quarter turns counterclockwise

    def __call__(self, frame: av.VideoFrame) -> torch.Tensor:
        if self.size is None:
            self.turns = round(frame.rotation / 90) % 4
            upright = (frame.height, frame.width) if self.turns % 2 == 0 else (frame.width, frame.height)
            height, width = scaled_size(*upright, self.scale)
            self.size = (height, width) if self.turns % 2 == 0 else (width, height)
        height, width = self.size
        small = self.reformatter.reformat(
            frame, width=width, height=height, format="rgb24", interpolation=Interpolation.BILINEAR, threads=1
        )
        picture = torch.from_numpy(small.to_ndarray())
        return picture if self.turns == 0 else torch.rot90(picture, self.turns, (0, 1))


def reason_of(problem: Exception) -> str:
    text = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return str(text)
