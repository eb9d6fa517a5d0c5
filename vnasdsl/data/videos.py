"""What a data set is: lists of videos with labels, cut into parts by video and never by clip. Nothing is decoded."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vnasdsl.language.diagnostics import UserError

# UCF101 names its files v_<Class>_g<group>_c<clip>.avi: clips of one group were cut from one source video.
_GROUP_IN_NAME = re.compile(r"_(g\d+)_c\d+$")


@dataclass(frozen=True)
class Video:
    """One video file with its label. `group` names the source that several files were cut from; "" for a single one.

    Where videos have several labels, `labels` are those of this one, `label` is the first of them, and `of_classes` is
    the number of classes.
    """

    path: str
    label: int
    class_name: str
    group: str = ""
    labels: tuple[int, ...] = ()
    of_classes: int = 0
    streams: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The paths of its maps, by the name of the input that they are for."""

    @property
    def target(self) -> int | list[bool]:
        """The label; where there are several, which of all classes it shows."""
        return [number in self.labels for number in range(self.of_classes)] if self.labels else self.label


@dataclass(frozen=True)
class DataSet:
    """The videos of a data set in a deterministic order.

    `notes`: what a user should know before training; `missing`: listed videos that are not on disk, by split;
    `excluded`: paths that a list leaves out.
    """

    name: str
    layout: str
    classes: tuple[str, ...]
    train: tuple[Video, ...]
    test: tuple[Video, ...]
    notes: tuple[str, ...] = ()
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()

    def classes_of(self, video: Video) -> list[str]:
        return [self.classes[number] for number in video.labels or (video.label,)]

    def counts(self, videos: Iterable[Video]) -> Counter[str]:
        """Videos by class; one with several labels counts for each."""
        return Counter(name for video in videos for name in self.classes_of(video))


def listing(data: DataSet) -> dict[str, Any]:
    """Classes, counts and notes of a data set, as JSON has them."""
    parts = {"train": data.train, "test": data.test}
    counts = {part: data.counts(videos) for part, videos in parts.items()}
    return {
        "name": data.name,
        "layout": data.layout,
        "classes": [{"name": name, **{part: counts[part][name] for part in parts}} for name in data.classes],
        "splits": {
            part: {"videos": len(videos), "missing": len(data.missing.get(part, ()))} for part, videos in parts.items()
        },
        "notes": list(data.notes),
    }


def group_of(path: str | Path) -> str:
    """The group in a UCF101 file name ("g07"), or ""."""
    match = _GROUP_IN_NAME.search(Path(path).stem)
    return match.group(1) if match else ""


def check_data(data: DataSet) -> DataSet:
    """Raises UserError for no videos, a double one, or a class that cannot be trained; notes classes without a test."""
    for part, videos in (("training", data.train), ("test", data.test)):
        if not videos:
            help = f"`vnasdsl data info --help` describes the folders that `{data.layout}` expects"
            raise UserError(f"no {part} videos in `{data.name}`", help)
    check_doubles({"train": data.train, "test": data.test})
    empty, untested = (_classes_without(data, videos) for videos in (data.train, data.test))
    if empty:
        many = f"classes {_some(empty)} have" if len(empty) > 1 else f"class `{empty[0]}` has"
        raise UserError(f"{many} no train videos in `{data.name}`", "add videos or remove the class from the lists")
    if not untested:
        return data
    note = f"{len(untested)} of {len(data.classes)} classes have no test video: {_some(untested)}"
    return replace(data, notes=(*data.notes, note))


def together(name: str, sets: Sequence[DataSet]) -> DataSet:
    """Several sets as one: classes of one name are one class, in the order in which they are first met."""
    if any(video.labels for each in sets for video in each.train):
        raise UserError(f"`{name}` holds videos with several labels: such a set cannot be joined to others")
    classes = tuple(dict.fromkeys(name for each in sets for name in each.classes))
    number = {name: place for place, name in enumerate(classes)}

    def parts(part: str) -> tuple[Video, ...]:
        videos = (video for each in sets for video in getattr(each, part))
        return tuple(replace(video, label=number[video.class_name]) for video in videos)

    missing = {part: tuple(path for each in sets for path in each.missing.get(part, ())) for part in ("train", "test")}
    notes = tuple(f"{each.name}: {note}" for each in sets for note in each.notes)
    layout = sets[0].layout if len({each.layout for each in sets}) == 1 else "several"
    return check_data(DataSet(name, layout, classes, parts("train"), parts("test"), notes, missing))


def check_doubles(lists: dict[str, Sequence[Video]]) -> None:
    """Raises UserError when a file is listed twice, in one list or in two."""
    split_of: dict[str, str] = {}
    for split, videos in lists.items():
        for video in videos:
            before = split_of.get(video.path)
            if before == split:
                raise UserError(
                    f"video `{video.path}` is listed twice in the {split} list", "remove one of the entries"
                )
            if before is not None:
                raise UserError(
                    f"video `{video.path}` is both a train and a test video",
                    "remove it from one of the lists: training videos must not be used for testing",
                )
            split_of[video.path] = split


def _classes_without(data: DataSet, videos: tuple[Video, ...]) -> list[str]:
    present = {label for video in videos for label in video.labels or (video.label,)}
    return [name for number, name in enumerate(data.classes) if number not in present]


def _some(names: list[str], limit: int = 5) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def three_way_split(
    videos: Iterable[Video], fractions: Sequence[float] = (0.6, 0.2, 0.2), seed: int = 0
) -> tuple[tuple[Video, ...], tuple[Video, ...], tuple[Video, ...]]:
    """Three disjoint parts (train weights, train choices, score), each with every class and in the order of `videos`.

    Files of one class and `group` (clips cut from one source video) stay together, else the score would be too good.
    A fraction of 0 gives an empty part. Raises UserError when a class has fewer groups than parts.
    """
    first, second, third = split_by_class(tuple(videos), tuple(fractions), seed)
    return first, second, third


def split_by_class(videos: Sequence[Video], fractions: Sequence[float], seed: int = 0) -> list[tuple[Video, ...]]:
    """Disjoint parts by the rules of `three_way_split`."""
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
