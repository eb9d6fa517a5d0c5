"""Decoding of chosen frames: their packets are read where the index says that they lie, without opening the file.

To open a file takes as long as decoding several small frames, and to make a decoder as well. So decoders are kept, and
serve other videos that are encoded alike. What is not needed is not decoded: frames behind the last wanted one, those
that no other frame refers to, and all between a wanted frame and the key frame before the next one.

Each way yields frames in order of display with their numbers, perhaps only those of wanted ones, and ends early where
it finds no more of these.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import av

from vnasdsl.data.decode_path import file_of
from vnasdsl.data.index import VideoIndex, open_video, pictures_in

Frames = Iterator[tuple[int, av.VideoFrame]]

_KEPT = 8
"""Decoders; each has some frames in memory."""
_OF_THREAD = threading.local()


def by_kept_decoder(path: str, index: VideoIndex, wanted: Sequence[int]) -> Frames:
    """By a decoder that is at hand; one that meets a damaged frame is not used again, as it might remember it."""
    context = None if index.packets is None else _kept().pop(index.packets.setup, None)
    if context is not None:
        try:
            for number, frame in _decoded(path, index, wanted, context):
                if frame.is_corrupt:
                    return
                yield number, frame
        except av.FFmpegError:
            return
        _keep(index, context)


def by_own_decoder(path: str, index: VideoIndex, wanted: Sequence[int]) -> Frames:
    """By one that is made as the file wants it. Raises: UnreadableVideo, av.FFmpegError, OSError."""
    if index.packets is None and index.format != "image2":
        return
    with open_video(path, index.format) as (_, stream):
        context = stream.codec_context
    if index.packets is not None:
        yield from _decoded(path, index, wanted, context)
        _keep(index, context)
        return
    names = pictures_in(path)
    for number in wanted:
        content = (Path(path) / names[number]).read_bytes()
        packet = av.Packet(len(content))
        packet.update(content)
        packet.is_keyframe = True  # else PNG adds the frame before
        yield from ((number, frame) for frame in context.decode(packet))


def by_counting(path: str, index: VideoIndex, wanted: Sequence[int]) -> Frames:
    """From the start, frames that are not wanted as well: slow, never wrong."""
    with open_video(path, index.format) as (container, stream):
        yield from islice(enumerate(container.decode(stream)), wanted[-1] + 1)


def _kept() -> dict[object, av.VideoCodecContext]:
    if not hasattr(_OF_THREAD, "decoders"):
        _OF_THREAD.decoders = {}
    decoders: dict[object, av.VideoCodecContext] = _OF_THREAD.decoders
    return decoders


def _keep(index: VideoIndex, context: av.VideoCodecContext) -> None:
    if index.packets is not None and index.packets.setup is not None:
        decoders = _kept()
        decoders[index.packets.setup] = context
        if len(decoders) > _KEPT:
            del decoders[next(iter(decoders))]


def _decoded(path: str, index: VideoIndex, wanted: Sequence[int], context: av.VideoCodecContext) -> Frames:
    packets, times = index.packets, index.times
    assert packets is not None and times is not None
    numbers: dict[int | None, int] = {times[number]: number for number in wanted}
    alone = len(index.keys) == index.frames  # each frame is decoded by itself
    with open(file_of(path), "rb", buffering=0) as file:  # noqa: PTH123 once for each clip
        for first, last in _runs(index, wanted):
            context.flush_buffers()
            for place in range(first, last + 1):
                time = packets.times[place]
                if alone and time not in numbers:
                    continue
                context.skip_frame = "DEFAULT" if time in numbers else "NONREF"
                packet = av.Packet(packets.sizes[place])
                if os.preadv(file.fileno(), [packet], packets.places[place]) < packet.size:
                    return
                packet.pts, packet.is_keyframe = time, bool(packets.keys[place])
                yield from ((numbers.get(frame.pts, -1), frame) for frame in context.decode(packet))
            yield from ((numbers.get(frame.pts, -1), frame) for frame in context.decode(None))


def _runs(index: VideoIndex, wanted: Sequence[int]) -> list[tuple[int, int]]:
    """The first and last packets to be decoded; frames after a key frame may need the frames before it."""
    assert index.packets is not None
    runs: list[tuple[int, int]] = []
    before = -2
    for number in wanted:
        key = bisect_right(index.keys, number) - 1
        last = index.packets.shown[number]
        if runs and key <= before + 1:
            runs[-1] = runs[-1][0], max(runs[-1][1], last)
        else:
            runs.append((index.packets.shown[index.keys[key]] if key >= 0 else 0, last))
        before = key
    return runs
