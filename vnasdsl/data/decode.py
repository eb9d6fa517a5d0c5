"""Frame-accurate reading of chosen frames of a video file, by PyAV: scaled, upright and cropped.

Where the index does not say where frames lie, or they are not there, frames are counted from the start: slower, never
wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import av
import numpy as np
import torch
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from vnasdsl.data.index import UnreadableVideo, VideoIndex, reason_of
from vnasdsl.data.memory import empty
from vnasdsl.data.packets import Frames, by_counting, by_kept_decoder, by_own_decoder
from vnasdsl.data.planes import SITED_LEFT, PlaneReader, Planes, Region, converts_after_scaling, layout_of
from vnasdsl.data.sampling import Scale, scaled_size

Pictures = torch.Tensor | Planes
"""(frames, h, w, 3) uint8 RGB, or what becomes that on the device."""


def whole(_height: int, _width: int) -> tuple[slice, slice]:
    return slice(None), slice(None)


_TOGETHER = 4
"""Frames whose colours are converted in one go."""


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
        for way in (by_kept_decoder, by_own_decoder, by_counting):
            if way is by_counting or index.times is not None:
                converter = _Converter(scale, len(wanted), region, planes and index.codec in SITED_LEFT)
                pictures, seen = _collected(way(path, index, wanted), wanted, converter)
                if len(pictures) == len(wanted):
                    return pictures, index.frames
    except (av.FFmpegError, OSError, StopIteration) as problem:
        raise UnreadableVideo(reason_of(problem)) from None
    if seen == 0:
        raise UnreadableVideo("no frame can be decoded")
    return pictures, seen


def _collected(frames: Frames, wanted: Sequence[int], converter: _Converter) -> tuple[Pictures, int]:
    """Wanted pictures up to the first one that is missing, and the number of frames up to the last one seen."""
    seen = count = 0
    for number, frame in frames:
        seen = number + 1
        if count < len(wanted) and number == wanted[count]:
            converter.put(frame)
            count += 1
    return converter.pictures(count), seen


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
