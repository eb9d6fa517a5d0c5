"""Frame-accurate reading of chosen frames of a video file, by PyAV.

Frames are identified by their time stamps, never by the nominal frame rate, so variable frame rates work. `scan` reads
the packets without decoding them; `read` seeks to the key frame before the first wanted frame, and decodes only what
it needs. Where time stamps are not reliable (see `_SEEKABLE`), or a seek
lands elsewhere, it counts from the start: slower, never wrong.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from glob import escape
from pathlib import Path

import av
import numpy as np
import torch
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from vnasdsl.data.decode_path import file_of, url_of
from vnasdsl.data.memory import empty
from vnasdsl.data.planes import SITED_LEFT, PlaneReader, Planes, Region, converts_after_scaling, layout_of
from vnasdsl.data.sampling import Scale, scaled_size

# Formats that store a presentation time for every frame. AVI stores none: they are guessed, and with reordered frames
# (B-frames) guessed differently after a seek, so such a file is always counted from its start.
_SEEKABLE = frozenset({"mov", "mp4", "matroska", "webm"})


Pictures = torch.Tensor | Planes
"""(frames, h, w, 3) uint8 RGB, or what becomes that on the device."""


def whole(_height: int, _width: int) -> tuple[slice, slice]:
    return slice(None), slice(None)


_TOGETHER = 4
"""Frames whose colours are converted in one go."""
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")


class UnreadableVideo(Exception):
    """The file cannot be decoded; the message says why."""


@dataclass(frozen=True)
class VideoIndex:
    """`times`: the time stamp of every frame in order of display, None where only counting is safe.
    `keys`: numbers of the frames that decoding may start at. `height`, `width`: as stored, before any turning.
    `format`: FFmpeg's name of it; to find it out takes half as long as opening the file."""

    frames: int
    times: tuple[int, ...] | None
    keys: tuple[int, ...]
    height: int
    width: int
    format: str | None = None


def scan(path: str) -> VideoIndex:
    """Number, time stamps and key frames without decoding. Raises UnreadableVideo."""
    try:
        with open_video(path) as (container, stream):
            height, width = stream.codec_context.height, stream.codec_context.width
            if Path(path).is_dir():  # not looked into further: as many frames as files, each by itself
                numbers = tuple(range(len(_pictures_in(path))))
                return VideoIndex(len(numbers), numbers, numbers, height, width, "image2")
            formats = set(container.format.name.split(","))
            timed = bool(formats & _SEEKABLE) or (formats == {"avi"} and not stream.codec_context.has_b_frames)
            format = container.format.name.partition(",")[0]
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
        return VideoIndex(len(packets), None, (0,), height, width, format)
    packets.sort()
    times = tuple(time for time, _ in packets if time is not None)
    keys = tuple(number for number, (_, key) in enumerate(packets) if key)
    return VideoIndex(len(times), times, keys or (0,), height, width, format)


@contextmanager
def open_video(path: str, format: str | None = None) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """A file, or a folder of frames, and its first video stream. Raises UnreadableVideo, av.FFmpegError, OSError."""
    file, url, options = Path(file_of(path)), url_of(path), {}
    if file.is_dir():
        url, format = f"{escape(path)}/*{Path(_pictures_in(path)[0]).suffix}", "image2"
        options = {"pattern_type": "glob"}
    elif file.exists() and not file.is_file():  # a pipe would be waited for without end
        raise UnreadableVideo("it is not a regular file")
    with av.open(url, format=format, options=options) as container:
        if not container.streams.video:
            raise UnreadableVideo("it holds no video stream")
        stream = container.streams.video[0]
        # One thread per process: loaders run one process per core, and threads would only delay the first frame.
        stream.codec_context.thread_count = 1
        yield container, stream


def _pictures_in(folder: str) -> list[str]:
    """The names of the frames in a folder, which have the suffix of the first. Raises UnreadableVideo."""
    names = sorted(name for name in os.listdir(folder) if name.lower().endswith(_PICTURES))  # noqa: PTH208
    if not names:
        raise UnreadableVideo("the folder holds no pictures")
    return [name for name in names if name.endswith(Path(names[0]).suffix)]


def read(
    path: str, index: VideoIndex, wanted: Sequence[int], scale: Scale, region: Region = whole
) -> tuple[torch.Tensor, int]:
    """Frames `wanted` (ascending, none twice) as (len(wanted), H, W, 3) uint8 RGB, and the frames found in the file.

    region: of the scaled frames, what is returned.
    Fewer than `index.frames` are found, and perhaps fewer returned, when decoding ends early. Raises UnreadableVideo.
    """
    pictures, found = read_for(path, index, wanted, scale, region, planes=False)
    assert isinstance(pictures, torch.Tensor)
    return pictures, found


def read_for(
    path: str, index: VideoIndex, wanted: Sequence[int], scale: Scale, region: Region, planes: bool
) -> tuple[Pictures, int]:
    """As `read`; planes: without scaling and colours, where the device can do both."""
    try:
        if index.times is not None:
            converter = _Converter(scale, len(wanted), region, planes)
            pictures, _ = _collect(path, index.format, wanted, converter, partial(_numbered_by_time, index, wanted))
            if len(pictures) == len(wanted):
                return pictures, index.frames
        converter = _Converter(scale, len(wanted), region, planes)
        numbered = lambda file, stream: enumerate(file.decode(stream))  # noqa: E731
        pictures, decoded = _collect(path, index.format, wanted, converter, numbered)
    except (av.FFmpegError, OSError, StopIteration) as problem:
        raise UnreadableVideo(reason_of(problem)) from None
    if decoded == 0:
        raise UnreadableVideo("no frame can be decoded")
    return pictures, index.frames if len(pictures) == len(wanted) else decoded


def _collect(
    path: str,
    format: str | None,
    wanted: Sequence[int],
    converter: _Converter,
    numbered: Callable[[av.container.InputContainer, av.VideoStream], Iterator[tuple[int, av.VideoFrame]]],
) -> tuple[Pictures, int]:
    """Wanted pictures up to the first one that is missing, and the number of frames up to the last one seen."""
    seen = count = 0
    with open_video(path, format) as file:
        converter.planes &= file[1].codec_context.name in SITED_LEFT
        for number, frame in numbered(*file):
            seen = number + 1
            if number > wanted[count]:
                break
            if number == wanted[count]:
                converter.put(frame)
                count += 1
                if count == len(wanted):
                    break
        return converter.pictures(count), seen


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
    skipping = False
    for packet in container.demux(stream):
        if len(index.keys) == index.frames and packet.pts is not None and packet.pts not in needed:
            continue  # each frame is decoded by itself
        if skipping == (packet.pts is None or packet.pts in needed):
            skipping = not skipping
            stream.codec_context.skip_frame = "NONREF" if skipping else "DEFAULT"
        for frame in packet.decode():
            assert isinstance(frame, av.VideoFrame)
            number = len(times) if frame.pts is None else bisect_left(times, frame.pts)
            if number == len(times) or times[number] != frame.pts:
                return
            if number >= start:  # frames shown before the key frame but stored after it may lack their reference
                yield number, frame


class _Converter:
    """Decoded frames -> a region of (count, H, W, 3) uint8, scaled without aliasing and upright; the first one decides
    the size. In memory the three colours lie apart, as networks want them and as FFmpeg writes them fastest.

    A frame is scaled at once, while the processor's cache holds it: keeping frames would double the time of decoding.
    """

    def __init__(self, scale: Scale, count: int, region: Region, planes: bool):
        self.scale, self.count, self.region, self.planes = scale, count, region, planes
        self.turns = 0  # quarter turns counterclockwise
        self.part = whole(0, 0)
        self.size = (0, 0)  # before turning
        self.colours: NDArray[np.uint8] | None = None
        """(3, count, h, w): the region, of turned frames all, before turning."""
        self.done = 0
        self.stack: _Stack | None = None
        self.reader: PlaneReader | None = None

    def put(self, frame: av.VideoFrame) -> None:
        if self.reader is None and self.colours is None:
            self.turns = round(frame.rotation / 90) % 4
            upright = (frame.height, frame.width) if self.turns % 2 == 0 else (frame.width, frame.height)
            height, width = scaled_size(*upright, self.scale)
            self.size = (height, width) if self.turns % 2 == 0 else (width, height)
            layout = layout_of(frame, self.size, self.region) if self.planes else None
            if layout is not None:
                self.reader = PlaneReader(layout, self.count)
                return self.reader.put(frame)
            self.part = (self.region if self.turns == 0 else whole)(*self.size)
            lengths = [len(range(side)[part]) for side, part in zip(self.size, self.part, strict=True)]
            self.colours = empty((3, self.count, *lengths), "uint8").numpy()
        if self.reader is not None:
            return self.reader.put(frame)
        height, width = self.size
        if frame.format.name == "yuv420p" and converts_after_scaling((frame.height, frame.width), self.size):
            frame = _reformatted(0, frame, height, width, "yuv420p")
            if height % 2 == 0:  # FFmpeg converts the colours of other sizes in another way
                self.stack = self.stack or _Stack(self.size, self.part)
                self.stack.put(frame)
                if self.stack.count == _TOGETHER:
                    self._take_stack()
                return None
        self._take_stack()
        scaled = (frame.height, frame.width) != self.size  # else FFmpeg spoils the last columns of gbrp
        self._take(_reformatted(1, frame, height, width, "gbrp" if scaled else "rgb24"), self.part, height)
        return None

    def _take_stack(self) -> None:
        if self.stack is not None and self.stack.count:
            rgb = _reformatted(1, self.stack.frame, self.stack.frame.height, self.stack.frame.width, "gbrp")
            self._take(rgb, self.stack.part, self.stack.rows, self.stack.count)
            self.stack.count = 0

    def _take(self, frame: av.VideoFrame, part: tuple[slice, slice], rows: int, count: int = 1) -> None:
        """A part of each of the first `count` pictures, which lie one below the other."""
        assert self.colours is not None
        into = self.colours[:, self.done : self.done + count]
        self.done += count
        if frame.format.name == "rgb24":
            pixels = _pixels(frame.planes[0])[:rows, : 3 * frame.width].reshape(rows, -1, 3)
            into[:, 0] = pixels[part].transpose(2, 0, 1)
            return
        for colour, plane in zip((1, 2, 0), frame.planes, strict=True):
            into[colour] = _pixels(plane)[: count * rows, : frame.width].reshape(count, rows, -1)[:, *part]

    def pictures(self, count: int) -> Pictures:
        """The first `count`."""
        if self.reader is not None:
            return self.reader.planes(count)
        if self.colours is None:
            return torch.empty(0)
        self._take_stack()
        pictures = torch.from_numpy(self.colours[:, :count]).movedim(0, -1)
        if self.turns == 0:
            return pictures
        upright = torch.rot90(pictures, self.turns, (1, 2))
        return upright[:, *self.region(*upright.shape[1:3])]


class _Stack:
    """A region of several frames in yuv420p, one below the other, so that colours are converted in one go.

    `rows`: of a frame in it, `part`: of which these are the region. There is a row and a column more where colours,
    stored for each 2 x 2 pixels, need them.
    """

    def __init__(self, size: tuple[int, int], region: tuple[slice, slice]):
        (top, bottom, _), (left, right, _) = (part.indices(side) for part, side in zip(region, size, strict=True))
        first, last = (top // 2 * 2, left // 2 * 2), (-(-bottom // 2) * 2, min(-(-right // 2) * 2, size[1]))
        self.rows, columns = last[0] - first[0], last[1] - first[1]
        self.part = slice(top - first[0], bottom - first[0]), slice(left - first[1], right - first[1])
        # FFmpeg's fast conversion takes 16 columns at a time.
        self.frame = av.VideoFrame(-(-columns // 16) * 16, _TOGETHER * self.rows, "yuv420p")
        self.count = 0
        self.copies = []
        """Of each plane: where the next one is copied to, and what of a frame."""
        for plane, each in zip(self.frame.planes, (1, 2, 2), strict=True):  # pixels that a value stands for
            wanted = slice(first[0] // each, last[0] // each), slice(first[1] // each, -(-last[1] // each))
            pixels = _pixels(plane).reshape(_TOGETHER, self.rows // each, plane.line_size)
            self.copies.append((pixels[:, :, : wanted[1].stop - wanted[1].start], wanted))

    def put(self, frame: av.VideoFrame) -> None:
        if self.count == 0:
            self.frame.color_range, self.frame.colorspace = frame.color_range, frame.colorspace
        for (target, wanted), plane in zip(self.copies, frame.planes, strict=True):
            target[self.count] = _pixels(plane)[wanted]
        self.count += 1


_OF_THREAD = threading.local()


def _reformatted(step: int, frame: av.VideoFrame, height: int, width: int, format: str) -> av.VideoFrame:
    """A step mostly keeps to one conversion, which is prepared once."""
    if not hasattr(_OF_THREAD, "reformatters"):
        _OF_THREAD.reformatters = VideoReformatter(), VideoReformatter()
    reformatter = _OF_THREAD.reformatters[step]
    return reformatter.reformat(frame, width, height, format, interpolation=Interpolation.BILINEAR, threads=1)


def _pixels(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    """The rows of a plane, with what pads them."""
    return np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)


def reason_of(problem: Exception) -> str:
    text = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return str(text)
