"""Pictures of spaces and networks: layouts that know no format, and a renderer for each format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vnasdsl.language.diagnostics import UserError, VnsError, did_you_mean
from vnasdsl.show.draw.formats import THEMES, dot, mermaid, png, svg
from vnasdsl.show.draw.picture import Picture

if TYPE_CHECKING:
    from vnasdsl.elaborate import Space
    from vnasdsl.show.draw.trellis import Learnt

SUFFIXES: Mapping[str, Callable[[Picture, str], bytes]] = {
    ".svg": lambda picture, theme: svg(picture, theme).encode(),
    ".png": png,
    ".mmd": lambda picture, _: mermaid(picture).encode(),
    ".dot": lambda picture, _: dot(picture).encode(),
}
"""Of pictures, with what makes the bytes of a file."""


def check_kind(file: Path, theme: str) -> str:
    """The suffix of a picture to be drawn. Raises: UserError for a suffix or theme that `render` does not know."""
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        help = did_you_mean(suffix, SUFFIXES) or f"name a file that ends in {', '.join(SUFFIXES)}"
        raise UserError(f"`{file}` is not a kind of picture that can be drawn", help)
    if theme not in THEMES:
        raise UserError(f"there is no theme `{theme}`", f"themes are {', '.join(THEMES)}")
    return suffix


def picture_of(space: Space, learnt: Learnt | None = None, layers: bool = False) -> Picture:
    """A space whose stages have several states as a trellis, anything else as its lines; `layers`: every layer."""
    if learnt is not None or (not layers and _has_states(space)):
        from vnasdsl.show.draw.trellis import trellis_picture

        return trellis_picture(space, learnt)
    from vnasdsl.show.draw.network import network_picture

    return network_picture(space, layers)


def _has_states(space: Space) -> bool:
    """Whether it is a trellis: stages with several states, between which paths lead."""
    try:
        return space.kind == "space" and any(len(stage.states) > 1 for stage in space.plan.stages)
    except (VnsError, UserError):
        return False


def render(picture: Picture, suffix: str, theme: str = "auto") -> bytes:
    """The bytes of a file with this suffix, the same every time. `theme` is for pictures: .svg and .png."""
    return SUFFIXES[suffix](picture, theme)
