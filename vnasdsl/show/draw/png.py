"""A picture as PNG: its SVG, rendered by resvg in a font that matplotlib brings: no browser, no system program."""

from __future__ import annotations

from pathlib import Path

from vnasdsl.show.draw.picture import Picture
from vnasdsl.show.draw.svg import svg

SCALE = 2
"""Pixels of the file for a pixel of the picture."""
MOST_PIXELS = 8_000
"""Of a side; larger pictures are scaled down to it."""


def png(picture: Picture, theme: str = "auto") -> bytes:
    """The same bytes on every machine. theme "auto" is light: a PNG cannot ask its reader."""
    import resvg_py
    from matplotlib import get_data_path

    fonts = Path(get_data_path(), "fonts", "ttf")
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg(picture, "light" if theme == "auto" else theme),
            zoom=min(SCALE, MOST_PIXELS / max(picture.width, picture.height)),
            skip_system_fonts=True,
            font_files=[str(fonts / name) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")],
            font_family="DejaVu Sans",
        )
    )
