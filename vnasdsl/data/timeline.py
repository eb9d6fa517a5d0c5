"""Frames in time: when each is shown, and a copy of a video with a caption below every frame."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from vnasdsl.data.index import scan

Caption = Callable[[float], tuple[str, ...]]
"""From a time in seconds to the lines that are shown then."""
LEAST_WIDTH = 320
"""Narrower videos are enlarged, so that captions can be read."""
_LINE, _FONT = 22, 14
_NOMINAL_RATE = 25


def frame_times(path: str) -> list[float]:
    """When each frame begins, and when the last one ends, in seconds from the first. Raises: UnreadableVideo."""
    index = scan(path)
    with av.open(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or _NOMINAL_RATE)
        base = stream.time_base
    if index.times is None or base is None:
        return [number / rate for number in range(index.frames + 1)]
    times = [float((time - index.times[0]) * base) for time in index.times]
    return [*times, times[-1] + 1 / rate]


def annotate(path: str, out: Path, caption: Caption, lines: int) -> None:
    """Write an mp4 (H.264, no sound) of a video with its caption, of at most so many lines, in a band below it.

    Raises: OSError, av.FFmpegError when it cannot be read or written; nothing is left half written.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.tmp")
    try:
        with av.open(path) as source, av.open(str(temporary), "w", format="mp4") as target:
            _copy(source, target, caption, lines)
        temporary.replace(out)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _copy(
    source: av.container.InputContainer, target: av.container.OutputContainer, caption: Caption, lines: int
) -> None:
    stream_in = source.streams.video[0]
    rate = stream_in.average_rate or stream_in.guessed_rate or Fraction(_NOMINAL_RATE)
    stream: av.VideoStream | None = None
    band = cache(lambda text, width: _band(text, lines, width))
    first: Fraction | None = None
    last = -1
    for number, frame in enumerate(source.decode(stream_in)):
        turns = round(frame.rotation / 90) % 4
        upright = (frame.height, frame.width) if turns % 2 == 0 else (frame.width, frame.height)
        if stream is None:
            height, width = _even(upright)
            stream = target.add_stream("libx264", rate=rate, options={"crf": "18"})
            stream.width, stream.height = width, height + 2 * (lines * _LINE // 2)
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = stream.time_base = Fraction(1, 90_000)
        shown = Fraction(number) / rate if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
        first = shown if first is None else first
        size = (height, width) if turns % 2 == 0 else (width, height)
        picture = frame.reformat(width=size[1], height=size[0], format="rgb24").to_ndarray()
        picture = np.rot90(picture, turns)
        whole = np.concatenate([picture, band(caption(float(shown - first)), width)])
        made = av.VideoFrame.from_ndarray(np.ascontiguousarray(whole), format="rgb24")
        last = max(last + 1, round((shown - first) * 90_000))
        made.pts, made.time_base = last, Fraction(1, 90_000)
        target.mux(stream.encode(made))
    if stream is not None:
        target.mux(stream.encode(None))


def _even(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the picture in the copy: at least `LEAST_WIDTH` wide, both even as H.264 wants them."""
    enlarged = max(1, -(-LEAST_WIDTH // size[1]))
    height, width = (side * enlarged // 2 * 2 for side in size)
    return height, width


def _band(text: tuple[str, ...], lines: int, width: int) -> NDArray[np.uint8]:
    """(rows, width, 3): the lines of a caption, white on black."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = 2 * (lines * _LINE // 2)
    with rc_context({"font.family": "DejaVu Sans", "text.usetex": False, "text.parse_math": False}):
        figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="black")
        for number, line in enumerate(text[:lines]):
            place = 1 - (number + 0.5) * _LINE / height
            figure.text(8 / width, place, line, color="white", size=_FONT * 0.72, va="center")
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
