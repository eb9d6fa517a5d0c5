"""Encode frames to a video file by PyAV: MPEG-4 in .avi as UCF101, H.264 in .mp4 as Kinetics."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoStream

FRAME_RATES = (Fraction(12), Fraction(15), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30))

# Fine and constant quantisation, so that artefacts do not grow with speed and give a class away. Rate control would
# adapt to motion; that of x264 also makes other bytes from run to run at heights that are no multiple of 16.
_OPTIONS = {
    "mpeg4": {"qmin": "3", "qmax": "3", "g": "12"},
    "libx264": {"qp": "16", "g": "24", "preset": "veryfast"},
}


def encode(path: Path, frames: Iterable[NDArray[np.uint8]], rate: Fraction, codec: str) -> None:
    """Write (H, W, 3) uint8 RGB frames. One thread and bit-exact flags: the same frames give the same bytes."""
    import av

    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream: VideoStream | None = None
        for picture in frames:
            if stream is None:
                stream = cast(
                    "VideoStream",
                    container.add_stream(codec, rate=rate, options={"flags": "+bitexact", **_OPTIONS[codec]}),
                )
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.thread_count = 1
                if codec == "mpeg4":
                    stream.bit_rate = 4_000_000
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode(None))
