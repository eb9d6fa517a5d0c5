"""Frame-accurate reading of chosen frames of a video file, by PyAV.

Frames are identified by their time stamps, never by the nominal frame rate, so variable frame rates work. `scan` reads
the packets without decoding them; `read` seeks to the key frame before the first wanted frame, and decodes only what
it needs, while another thread converts what is decoded. Where time stamps are not reliable (see `_SEEKABLE`), or a seek
lands elsewhere, it counts from the start: slower, never wrong.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import av
import numpy as np
import torch
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from vnasdsl.data.decode_path import file_of, url_of
from vnasdsl.data.sampling import Scale, scaled_size

# Formats that store a presentation time for every frame. AVI stores none: they are guessed, and with reordered frames
# (B-frames) guessed differently after a seek, so such a file is always counted from its start.
_SEEKABLE = frozenset({"mov", "mp4", "matroska", "webm"})


Region = Callable[[int, int], tuple[slice, slice]]
"""Height and width of a scaled frame to the rows and columns that are wanted."""


def whole(_height: int, _width: int) -> tuple[slice, slice]:
    return slice(None), slice(None)


_PICTURES = (".jpg", ".jpeg", ".png", ".webp")


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
    if Path(path).is_dir():
        return VideoIndex(len(pictures_in(path)), None, (0,), *_picture_size(pictures_in(path)[0]))
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
    file = Path(file_of(path))
    if file.exists() and not file.is_file():  # a pipe would be waited for without end
        raise UnreadableVideo("it is not a regular file")
    with av.open(url_of(path)) as container:
        if not container.streams.video:
            raise UnreadableVideo("it holds no video stream")
        stream = container.streams.video[0]
        # One thread per process: loaders run one process per core, and threads would only delay the first frame.
        stream.codec_context.thread_count = 1
        yield container, stream


def pictures_in(folder: str) -> list[str]:
    """The pictures of a folder of frames, in the order of their names. Raises UnreadableVideo."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.lower().endswith(_PICTURES))  # noqa: PTH208
    except OSError as problem:
        raise UnreadableVideo(reason_of(problem)) from None
    if not names:
        raise UnreadableVideo("the folder holds no pictures")
    return [f"{folder}/{name}" for name in names]


def _picture_size(path: str) -> tuple[int, int]:
    try:
        with open_video(path) as (_, stream):
            return stream.codec_context.height, stream.codec_context.width
    except (av.FFmpegError, OSError) as problem:
        raise UnreadableVideo(f"{Path(path).name}: {reason_of(problem)}") from None


def _read_pictures(folder: str, wanted: Sequence[int], converter: _Converter) -> torch.Tensor:
    pictures = pictures_in(folder)
    for place, number in enumerate(wanted):
        with open_video(pictures[number]) as (container, stream):
            converter.put(place, next(container.decode(stream)))
    return converter.pictures(len(wanted))


def read(
    path: str, index: VideoIndex, wanted: Sequence[int], scale: Scale, region: Region = whole
) -> tuple[torch.Tensor, int]:
    """Frames `wanted` (ascending, none twice) as (len(wanted), H, W, 3) uint8 RGB, and the frames found in the file.

    region: of the scaled frames, what is returned.
    Fewer than `index.frames` are found, and perhaps fewer returned, when decoding ends early. Raises UnreadableVideo.
    """
    try:
        if Path(path).is_dir():
            return _read_pictures(path, wanted, _Converter(scale, len(wanted), region)), index.frames
        if index.times is not None:
            converter = _Converter(scale, len(wanted), region)
            pictures, _ = _collect(path, wanted, converter, partial(_numbered_by_time, index, wanted))
            if len(pictures) == len(wanted):
                return pictures, index.frames
        converter = _Converter(scale, len(wanted), region)
        pictures, decoded = _collect(path, wanted, converter, lambda file, stream: enumerate(file.decode(stream)))
    except (av.FFmpegError, OSError, StopIteration) as problem:
        raise UnreadableVideo(reason_of(problem)) from None
    if decoded == 0:
        raise UnreadableVideo("no frame can be decoded")
    return pictures, index.frames if len(pictures) == len(wanted) else decoded


def _collect(
    path: str,
    wanted: Sequence[int],
    converter: _Converter,
    numbered: Callable[[av.container.InputContainer, av.VideoStream], Iterator[tuple[int, av.VideoFrame]]],
) -> tuple[torch.Tensor, int]:
    """Wanted pictures up to the first one that is missing, and the number of frames up to the last one seen."""
    seen = count = 0
    with open_video(path) as file:
        pending, beside = [], _thread_of(os.getpid())
        for number, frame in numbered(*file):
            seen = number + 1
            if number > wanted[count]:
                break
            if number == wanted[count]:
                pending.append(beside.submit(converter.put, count, frame))
                count += 1
                if count == len(wanted):
                    break
        for each in pending:
            each.result()
        return converter.pictures(count), seen


@cache
def _thread_of(_process: int) -> ThreadPoolExecutor:
    """Converts frames while the next ones are decoded. A forked process has no threads, so each has its own."""
    return ThreadPoolExecutor(1, thread_name_prefix="convert")


def _numbered_by_time(
    index: VideoIndex, wanted: Sequence[int], container: av.container.InputContainer, stream: av.VideoStream
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames from the key frame before the first wanted one, identified by time stamp; ends where one is unknown.

    Frames that no other frame refers to are decoded only if they are wanted.
    """
    times = index.times
    assert times is not None
    start = index.keys[max(0, bisect_right(index.keys, wanted[0]) - 1)]
    if start > 0:
        container.seek(times[start], stream=stream, backward=True)
    needed = {times[number] for number in wanted}
    for packet in container.demux(stream):
        stream.codec_context.skip_frame = "DEFAULT" if packet.pts is None or packet.pts in needed else "NONREF"
        for frame in packet.decode():
            assert isinstance(frame, av.VideoFrame)
            number = len(times) if frame.pts is None else bisect_left(times, frame.pts)
            if number == len(times) or times[number] != frame.pts:
                return
            if number >= start:  # frames shown before the key frame but stored after it may lack their reference
                yield number, frame


class _Converter:
    """Decoded frames -> a region of (count, H, W, 3) uint8, scaled without aliasing and upright; the first one decides
    the size."""

    def __init__(self, scale: Scale, count: int, region: Region):
        self.scale, self.count, self.region = scale, count, region
        self.reformatters = VideoReformatter(), VideoReformatter()
        self.turns = 0  # quarter turns counterclockwise
        self.part = whole(0, 0)
        self.smaller: av.VideoFrame | None = None
        self.size = (0, 0)  # before turning
        self.copied: NDArray[np.uint8] | None = None
        """(count, h, w, 3): the region, of turned frames all, before turning."""

    def put(self, place: int, frame: av.VideoFrame) -> None:
        if self.copied is None:
            self.turns = round(frame.rotation / 90) % 4
            upright = (frame.height, frame.width) if self.turns % 2 == 0 else (frame.width, frame.height)
            height, width = scaled_size(*upright, self.scale)
            self.size = (height, width) if self.turns % 2 == 0 else (width, height)
            self.part = (self.region if self.turns == 0 else whole)(*self.size)
            lengths = [len(range(side)[part]) for side, part in zip(self.size, self.part, strict=True)]
            self.copied = np.empty((self.count, *lengths, 3), dtype=np.uint8)
        height, width = self.size
        part = self.part
        # Half the time for scaling before colours are converted; where a frame shrinks, colours would lose detail.
        if frame.format.name == "yuv420p" and 0.9 * frame.height <= height and 0.9 * frame.width <= width:
            frame, part = self._cropped(self._reformatted(0, frame, height, width, "yuv420p"))
            height, width = frame.height, frame.width
        plane = self._reformatted(1, frame, height, width, "rgb24").planes[0]
        self.copied[place] = _pixels(plane)[:height, : width * 3].reshape(height, width, 3)[part]

    def _cropped(self, frame: av.VideoFrame) -> tuple[av.VideoFrame, tuple[slice, slice]]:
        """The part of a frame in yuv420p that is wanted, and where it lies in there: with a row and a column more where
        colours, stored for each 2 x 2 pixels, need them. The whole frame where FFmpeg would convert it in another way.
        """
        height, width = frame.height, frame.width
        (top, bottom, _), (left, right, _) = self.part[0].indices(height), self.part[1].indices(width)
        first, last = (top // 2 * 2, left // 2 * 2), ((bottom + 1) // 2 * 2, (right + 1) // 2 * 2)
        size = (last[0] - first[0], last[1] - first[1])
        if height % 2 or last[1] > width or size == (height, width):
            return frame, self.part
        if self.smaller is None:
            self.smaller = av.VideoFrame(size[1], size[0], "yuv420p")
            self.smaller.color_range, self.smaller.colorspace = frame.color_range, frame.colorspace
        for source, target, each in zip(frame.planes, self.smaller.planes, (1, 2, 2), strict=True):
            rows, columns = (slice(a // each, b // each) for a, b in zip(first, last, strict=True))
            _pixels(target)[: size[0] // each, : size[1] // each] = _pixels(source)[rows, columns]
        return self.smaller, (slice(top - first[0], bottom - first[0]), slice(left - first[1], right - first[1]))

    def _reformatted(self, step: int, frame: av.VideoFrame, height: int, width: int, format: str) -> av.VideoFrame:
        """A step keeps to one conversion, which is prepared once."""
        bilinear = Interpolation.BILINEAR
        return self.reformatters[step].reformat(frame, width, height, format, interpolation=bilinear, threads=1)

    def pictures(self, count: int) -> torch.Tensor:
        """The first `count`."""
        if self.copied is None:
            return torch.empty(0)
        pictures = torch.from_numpy(self.copied[:count])
        if self.turns == 0:
            return pictures
        upright = torch.rot90(pictures, self.turns, (1, 2))
        return upright[:, *self.region(*upright.shape[1:3])]


def _pixels(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    """The rows of a plane, with what pads them."""
    return np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)


def reason_of(problem: Exception) -> str:
    text = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return str(text)
