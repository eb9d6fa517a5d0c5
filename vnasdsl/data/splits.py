"""Cut one list of videos into three, by video and never by clip."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from vnasdsl.data.videos import Video
from vnasdsl.language.diagnostics import UserError


def three_way_split(
    videos: Iterable[Video], fractions: Sequence[float] = (0.6, 0.2, 0.2), seed: int = 0
) -> tuple[tuple[Video, ...], tuple[Video, ...], tuple[Video, ...]]:
    """Three disjoint parts (train weights, train choices, score), each with every class and in the order of `videos`.

    Files of one class and `group` (clips cut from one source video) stay together, else the score would be too good.
    A fraction of 0 gives an empty part. Raises UserError when a class has fewer groups than parts.
    """
    if len(fractions) != 3:
        raise UserError(f"a three-way split needs three fractions, not {len(fractions)}")
    first, second, third = split_by_class(tuple(videos), tuple(fractions), seed)
    return first, second, third


def split_by_class(videos: Sequence[Video], fractions: Sequence[float], seed: int = 0) -> list[tuple[Video, ...]]:
    """Disjoint parts by the rules of `three_way_split`."""
    if any(fraction < 0 for fraction in fractions) or abs(sum(fractions) - 1.0) > 1e-6:
        raise UserError(f"the fractions of a split must be 0 or more and sum to 1, not {list(fractions)}")
    by_class: dict[str, list[Video]] = {}
    for video in videos:
        by_class.setdefault(video.class_name, []).append(video)
    part_of: dict[str, int] = {}
    for name in sorted(by_class):
        part_of.update(_split_class(name, by_class[name], fractions, random.Random(f"{seed}:{name}")))
    return [tuple(video for video in videos if part_of[video.path] == part) for part in range(len(fractions))]


def _split_class(
    name: str, videos: list[Video], fractions: Sequence[float], generator: random.Random
) -> dict[str, int]:
    groups: dict[str, list[Video]] = {}
    for video in videos:
        groups.setdefault(video.group or video.path, []).append(video)
    order = sorted(groups)
    generator.shuffle(order)
    used = [part for part, fraction in enumerate(fractions) if fraction > 0]
    if len(order) < len(used):
        raise UserError(
            f"class `{name}` has {len(order)} video groups, too few for a split into {len(used)} parts",
            "add videos of that class; clips cut from one source video count as one group",
        )
    wanted = [fraction * len(videos) for fraction in fractions]
    held = [0] * len(fractions)
    part_of: dict[str, int] = {}
    for position, group in enumerate(order):
        # The first groups seed every part, so that none stays empty; then the part that lacks most gets the next.
        part = used[position] if position < len(used) else max(used, key=lambda p: wanted[p] - held[p])
        held[part] += len(groups[group])
        part_of.update((video.path, part) for video in groups[group])
    return part_of
