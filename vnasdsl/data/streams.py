"""Where maps lie that were computed before and belong to videos: optical flow, objects, depth.

The maps of `videos/swipe/a.mp4` in a folder DIR are `DIR/swipe/a` or `DIR/a`: a folder of pictures, a video file of any
kind (`a.avi`), or an array (`a.npy`) of uint8 (frames, rows, columns, channels). Pictures and videos give the first of
their channels red, green, blue; several folders with `+` between them (`u+v`) share the channels of the input out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vnasdsl.data.layouts.common import VIDEO_SUFFIXES, existing_folder
from vnasdsl.data.sampling import Stream
from vnasdsl.data.videos import Video
from vnasdsl.language.diagnostics import UserError

ARRAY = ".npy"
_NAMED = 3
"""Videos without maps that a message names."""


def with_streams(videos: Sequence[Video], places: Mapping[str, str]) -> tuple[Video, ...]:
    """The videos with the paths of their maps. places: by the name of an input, `DIR` or `DIR+DIR`.

    Raises: UserError that names videos without maps.
    """
    found = tuple(videos)
    for name, text in places.items():
        folders = [existing_folder(place, f"{name}={text}") for place in text.split("+")]
        paths = [tuple(filter(None, (_maps_of(video, folder) for folder in folders))) for video in found]
        missing = [video.path for video, own in zip(found, paths, strict=True) if len(own) < len(folders)]
        if missing:
            some = ", ".join(f"`{path}`" for path in missing[:_NAMED]) + (", ..." if len(missing) > _NAMED else "")
            raise UserError(
                f"{len(missing)} of {len(found)} videos have no maps for the input `{name}` in `{text}`: {some}",
                f"the maps of a video lie in `{folders[0]}/CLASS/NAME` or `{folders[0]}/NAME`: a folder of pictures,"
                f" a video, or NAME{ARRAY}; leave videos out with ?exclude=FILE",
            )
        found = tuple(
            replace(video, streams=(*video.streams, (name, own))) for video, own in zip(found, paths, strict=True)
        )
    return found


def _maps_of(video: Video, folder: Path) -> str | None:
    path = Path(video.path)
    for base in (folder / video.class_name / path.stem, folder / path.stem):
        if base.is_dir():
            return str(base)
        for suffix in (ARRAY, path.suffix, *sorted(VIDEO_SUFFIXES)):
            file = base.with_name(base.name + suffix)
            if file.is_file():
                return str(file)
    return None


def require_streams(videos: Sequence[Video], streams: Sequence[Stream]) -> None:
    """Raises: UserError for an input of the network that the data has no maps for."""
    known = {name for video in videos[:1] for name, _ in video.streams}
    for stream in streams:
        if videos and stream.name not in known:
            raise UserError(
                f"the data has no maps for the input `{stream.name}`",
                f"say where they lie: --data 'folder:videos?{stream.name}=DIR'",
            )
