"""Video files that the tests encode themselves, with the frame number written as brightness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vnasdsl.data import ClipShape, Video
from vnasdsl.data.clips import ClipLoader, ViewLoader

FIRST, STEP = 10, 5  # brightness of frame n: FIRST + STEP * n, for up to 48 frames


def numbered_frame(number: int, height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), FIRST + STEP * number, dtype=np.uint8)


def numbers_in(pictures: torch.Tensor) -> list[int]:
    """Frame numbers of (T, H, W, 3) uint8 pictures, told by their brightness."""
    means = pictures.to(torch.float64).mean(dim=(1, 2, 3))
    numbers = (means + 1 - FIRST) / STEP  # decoding loses about one level
    assert (numbers - numbers.round()).abs().max() < 0.45, f"no clear frame number in {means.tolist()}"
    return [int(number) for number in numbers.round()]


def encode(
    path: Path,
    pictures: Sequence[np.ndarray],
    codec: str = "mpeg4",
    gop: int = 6,
    b_frames: int = 0,
    times: Sequence[int] | None = None,
    rotation: int = 0,
    pixels: str = "yuv420p",
) -> Path:
    """Encode (H, W, 3) pictures; `times` are presentation times in milliseconds (default: 25 frames a second)."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"mpeg4": {"qmin": "2", "qmax": "2"}, "libx264": {"crf": "6", "preset": "ultrafast"}}.get(codec, {})
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={**options, "g": str(gop), "bf": str(b_frames)})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.thread_count = 1
        if rotation:
            stream.set_display_rotation(rotation)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
            stream.time_base = Fraction(1, 1000)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def encode_numbered(path: Path, frames: int, height: int = 32, width: int = 48, **more: object) -> Path:
    return encode(path, [numbered_frame(number, height, width) for number in range(frames)], **more)


def clip_loader(videos: Sequence[Video], **more: Any) -> ClipLoader:
    """A loader; keywords are those of `ClipShape` and of `ClipLoader`."""
    return ClipLoader(videos, _shape(more), **more)


def view_loader(videos: Sequence[Video], **more: Any) -> ViewLoader:
    return ViewLoader(videos, _shape(more), **more)


def _shape(more: dict[str, Any]) -> ClipShape:
    return ClipShape(**{field.name: more.pop(field.name) for field in fields(ClipShape) if field.name in more})
