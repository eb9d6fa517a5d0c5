"""What a file says of its frames, found without decoding them: when each is shown, and where it lies in the file.

Frames are identified by their time stamps, never by the nominal frame rate, so variable frame rates work.
"""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple

import av

from vnasdsl.data.decode_path import file_of, start_of, url_of

# Formats that store a presentation time for every frame. AVI stores none: they are guessed, and with reordered frames
# (B-frames) guessed wrongly, so the frames of such a file are always counted from its start.
_TIMED = frozenset({"mov", "mp4", "matroska", "webm"})
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_BEFORE = 64
"""Bytes that may lie between the place that FFmpeg names and those of a packet."""
_LARGEST_SHARED = 512 * 512
"""Pixels of frames whose decoders are kept. Larger ones take more memory, and their decoding more than all else."""
_TOLD_BY = (
    *("name", "codec_tag", "extradata", "width", "height", "reorder_depth"),
    *("color_range", "color_primaries", "color_trc", "colorspace"),
)
_MPEG4_FRAME, _MPEG4_CLOCK = b"\x00\x00\x01\xb6", re.compile(rb"\x00\x00\x01\xb3...", re.DOTALL)
_H264_PARAMETERS = (7, 8, 13, 15)
_LENGTHS_FIRST = b"\1"
"""How a header of H.264 begins whose frames have no start codes."""


class UnreadableVideo(Exception):
    """The file cannot be decoded; the message says why."""


@dataclass(frozen=True)
class Packets:
    """The encoded frames in the order of decoding, also those that are not shown. Arrays, as there are many."""

    times: array[int]
    places: array[int]
    """In the file on disk."""
    sizes: array[int]
    keys: bytes
    shown: array[int]
    """Of each frame in order of display, the number of its packet."""
    setup: tuple[Any, ...] | None
    """A decoder of other videos for which this is the same gives the same frames; None: none does."""


@dataclass(frozen=True)
class VideoIndex:
    """`times`: the time stamp of every frame in order of display, None where only counting is safe.
    `keys`: numbers of the frames that decoding may start at. `height`, `width`: as stored, before any turning.
    `format`: FFmpeg's name of it; to find it out takes half as long as opening the file.
    `packets`: None where the file does not hold them as they are, and for a folder of frames."""

    frames: int
    times: Sequence[int] | None
    keys: tuple[int, ...]
    height: int
    width: int
    codec: str
    format: str | None = None
    packets: Packets | None = None


def scan(path: str) -> VideoIndex:
    """Number, time stamps, key frames and places of frames. Raises UnreadableVideo."""
    try:
        with open_video(path) as (container, stream):
            context = stream.codec_context
            height, width, codec = context.height, context.width, context.name
            if Path(path).is_dir():  # not looked into further: as many frames as files, each by itself
                numbers = range(len(pictures_in(path)))
                return VideoIndex(len(numbers), numbers, tuple(numbers), height, width, codec, "image2")
            formats = set(container.format.name.split(","))
            timed = bool(formats & _TIMED) or (formats == {"avi"} and not context.has_b_frames)
            format = container.format.name.partition(",")[0]
            found, setup = _looked_through(path, container, stream)
    except (av.FFmpegError, OSError) as problem:
        raise UnreadableVideo(reason_of(problem)) from None
    shown = [number for number, packet in enumerate(found) if packet.shown]
    if not shown:
        raise UnreadableVideo("it holds no frames")
    stamps = {found[number].time for number in shown}
    if not timed or None in stamps or len(stamps) < len(shown):
        return VideoIndex(len(shown), None, (0,), height, width, codec, format)
    shown.sort(key=lambda number: found[number].time or 0)
    times = array("q", [found[number].time or 0 for number in shown])
    keys = tuple(place for place, number in enumerate(shown) if found[number].key)
    packets = None
    if all(packet.place >= 0 and packet.time is not None for packet in found):
        packets = Packets(
            array("q", [packet.time or 0 for packet in found]),
            array("q", [packet.place for packet in found]),
            array("i", [packet.size for packet in found]),
            bytes(packet.key for packet in found),
            array("i", shown),
            setup,
        )
    return VideoIndex(len(times), times, keys or (0,), height, width, codec, format, packets)


class _Packet(NamedTuple):
    time: int | None
    key: bool
    shown: bool
    place: int
    """-1: the file does not hold it as it is."""
    size: int


def _looked_through(
    path: str, container: av.container.InputContainer, stream: av.VideoStream
) -> tuple[list[_Packet], tuple[Any, ...] | None]:
    """All packets, and the setup of their decoder."""
    context, found, first = stream.codec_context, [], None
    codec, header, start = context.name, context.extradata or b"", start_of(path)
    of_keys, of_others = set[bytes](), {b""}
    with open(file_of(path), "rb", buffering=0) as file:  # noqa: PTH123 as fast as it can be
        for packet in container.demux(stream):
            if packet.size:
                content, key = bytes(packet), packet.is_keyframe
                place = _place_of(packet, content, file.fileno(), start)
                found.append(_Packet(packet.pts, key, not packet.is_discard, place, packet.size))
                first = first or packet
                (of_keys if key else of_others).add(_brought_along(content, codec, header))
    lasting = len(of_keys) == 1 and of_others - of_keys <= {b""}
    known = codec == "mpeg4" or (codec == "h264" and header[:1] == _LENGTHS_FIRST)
    small = context.pix_fmt == "yuv420p" and context.width * context.height <= _LARGEST_SHARED
    if not (lasting and known and small):
        return found, None
    rotation = 0 if container.format.name == "avi" else _rotation(context, first)
    told = [getattr(context, name) for name in _TOLD_BY]
    return found, None if rotation is None else (*told, *of_keys, rotation)


def _place_of(packet: av.Packet[Any], content: bytes, file: int, start: int) -> int:
    if packet.pos is None or next(packet.iter_sidedata(), None) is not None:
        return -1
    place = start + packet.pos
    there = os.pread(file, packet.size + _BEFORE, place)
    offset = 0 if there.startswith(content) else there.find(content)
    return place + offset if offset >= 0 else -1


def _brought_along(packet: bytes, codec: str, header: bytes) -> bytes:
    """What a packet has beside its frame that a decoder remembers: who encoded MPEG-4, parameters of H.264."""
    if codec == "mpeg4":
        return _MPEG4_CLOCK.sub(b"", packet.partition(_MPEG4_FRAME)[0])
    if codec != "h264" or header[:1] != _LENGTHS_FIRST:
        return b""
    length, place, found = (header[4] & 3) + 1, 0, b""
    while place + length < len(packet):
        size = int.from_bytes(packet[place : place + length], "big")
        place += length
        if packet[place] & 31 in _H264_PARAMETERS and packet[place : place + size] not in header:
            found += packet[place : place + size]
        place += size
    return found


def _rotation(context: av.VideoCodecContext, first: av.Packet[Any] | None) -> float | None:
    """Only a frame says it."""
    try:
        return next((frame.rotation for frame in [*context.decode(first), *context.decode(None)]), None)
    except av.FFmpegError:
        return None


@contextmanager
def open_video(path: str, format: str | None = None) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """A file, or a folder of frames, and its first video stream. Raises UnreadableVideo, av.FFmpegError, OSError."""
    file, url, options = Path(file_of(path)), url_of(path), {}
    if file.is_dir():
        url, format = f"{escape(path)}/*{Path(pictures_in(path)[0]).suffix}", "image2"
        options = {"pattern_type": "glob"}
    elif file.exists() and not file.is_file():  # a pipe would be waited for without end
        raise UnreadableVideo("it is not a regular file")
    with av.open(url, format=format, options=options, metadata_errors="replace") as container:
        if not container.streams.video:
            raise UnreadableVideo("it holds no video stream")
        stream = container.streams.video[0]
        # One thread per process: loaders run one process per core, and threads would only delay the first frame.
        stream.codec_context.thread_count = 1
        yield container, stream


def pictures_in(folder: str) -> list[str]:
    """The names of the frames in a folder, which have the suffix of the first. Raises UnreadableVideo."""
    names = sorted(name for name in os.listdir(folder) if name.lower().endswith(_PICTURES))  # noqa: PTH208
    if not names:
        raise UnreadableVideo("the folder holds no pictures")
    return [name for name in names if name.endswith(Path(names[0]).suffix)]


def reason_of(problem: Exception) -> str:
    text = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return str(text)
