"""Pictures within a page: drawings as inline SVG, and frames of videos."""

from __future__ import annotations

import io
from base64 import b64encode
from contextlib import suppress

from markupsafe import Markup

from vnasdsl.show.draw.picture import Picture
from vnasdsl.show.draw.svg import svg

_FRAMES, _HEIGHT = 4, 96
"""Of the strip of frames of a video."""


def inline(picture: Picture, key: str) -> Markup:
    """A drawing that follows the page's colours. key: what its description is called, once in the page."""
    text = svg(picture).replace('"vns-description"', f'"{key}"')
    return Markup(text)  # `svg` has escaped every text


def film_strip(path: str) -> str:
    """A few frames of a video side by side, as the address of a JPEG; "" where it cannot be read."""
    from matplotlib.image import imsave  # these take a second, and only here

    from vnasdsl.data.cache import VideoStore
    from vnasdsl.data.index import UnreadableVideo

    def evenly(length: int) -> list[int]:
        return [round((2 * place + 1) * length / (2 * _FRAMES) - 0.5) for place in range(_FRAMES)]

    with suppress(UnreadableVideo, OSError):
        frames = VideoStore().read(path, evenly, _HEIGHT, 0)
        strip = frames.transpose(0, 1).flatten(1, 2).numpy()  # (H, frames x W, 3)
        buffer = io.BytesIO()
        imsave(buffer, strip, format="jpg", pil_kwargs={"quality": 80})
        return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode("ascii")
    return ""
