"""Pictures of spaces and networks: layouts that know no format, and a renderer for each format."""

from __future__ import annotations

from vnasdsl.show.draw.picture import Picture

SUFFIXES = (".svg", ".png", ".mmd", ".dot")


def render(picture: Picture, suffix: str, theme: str = "auto") -> bytes:
    """The bytes of a file with this suffix, the same every time. `theme` is for pictures: .svg and .png."""
    if suffix == ".svg":
        from vnasdsl.show.draw.svg import svg

        return svg(picture, theme).encode("utf-8")
    if suffix == ".png":
        from vnasdsl.show.draw.png import png

        return png(picture, theme)
    if suffix == ".mmd":
        from vnasdsl.show.draw.mermaid import mermaid

        return mermaid(picture).encode("utf-8")
    if suffix == ".dot":
        from vnasdsl.show.draw.dot import dot

        return dot(picture).encode("utf-8")
    raise ValueError(f"no picture ends in {suffix}")
