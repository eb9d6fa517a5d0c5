from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnasdsl.data import Video, three_way_split
from vnasdsl.language.diagnostics import UserError


def videos(counts: dict[str, int], group_size: int = 0) -> tuple[Video, ...]:
    """`counts` videos per class; with a group size, each run of that many shares a group."""
    return tuple(
        Video(f"{name}/{number}.avi", label, name, f"g{number // group_size + 1:02d}" if group_size else "")
        for label, (name, count) in enumerate(counts.items())
        for number in range(count)
    )


def test_the_fractions_hold_in_every_class() -> None:
    parts = three_way_split(videos({"a": 40, "b": 20, "c": 5}), (0.6, 0.2, 0.2), seed=1)
    counts = [Counter(video.class_name for video in part) for part in parts]
    assert counts == [{"a": 24, "b": 12, "c": 3}, {"a": 8, "b": 4, "c": 1}, {"a": 8, "b": 4, "c": 1}]


@given(
    sizes=st.lists(st.integers(3, 30), min_size=1, max_size=5),
    group_size=st.integers(0, 1),
    seed=st.integers(0, 2**32),
)
def test_parts_are_disjoint_complete_ordered_and_hold_every_class(sizes: list[int], group_size: int, seed: int) -> None:
    given_videos = videos({f"c{number}": size for number, size in enumerate(sizes)}, group_size)
    parts = three_way_split(given_videos, (0.5, 0.3, 0.2), seed)
    assert sorted(video.path for part in parts for video in part) == sorted(video.path for video in given_videos)
    for part in parts:
        assert {video.class_name for video in part} == {video.class_name for video in given_videos}
        assert list(part) == [video for video in given_videos if video in set(part)]


def test_clips_of_one_source_video_stay_together() -> None:
    """UCF101: 18 training groups of about 5 clips a class; as published, groups of different classes share names."""
    given_videos = videos({"a": 90, "b": 90}, group_size=5)
    for seed in range(5):
        parts = three_way_split(given_videos, (0.6, 0.2, 0.2), seed)
        place = {}
        for number, part in enumerate(parts):
            for video in part:
                assert place.setdefault((video.class_name, video.group), number) == number
        assert [len(part) for part in parts] == [110, 40, 30]  # whole groups of 5, nearest to 108, 36, 36


def test_the_seed_decides() -> None:
    given_videos = videos({"a": 20, "b": 20})
    assert three_way_split(given_videos, seed=3) == three_way_split(given_videos, seed=3)
    assert three_way_split(given_videos, seed=3) != three_way_split(given_videos, seed=4)
    # One class is cut alike whatever other classes there are.
    alone = three_way_split(videos({"a": 20}), seed=3)
    assert [{v.path for v in part} for part in alone] == [
        {v.path for v in part if v.class_name == "a"} for part in three_way_split(given_videos, seed=3)
    ]


def test_a_fraction_of_zero_gives_an_empty_part() -> None:
    first, second, third = three_way_split(videos({"a": 4}), (0.5, 0.5, 0.0), 0)
    assert (len(first), len(second), third) == (2, 2, ())


def test_too_few_videos_or_groups() -> None:
    with pytest.raises(UserError, match="class `b` has 2 video groups"):
        three_way_split(videos({"a": 10, "b": 2}), seed=0)
    with pytest.raises(UserError, match="class `a` has 2 video groups"):
        three_way_split(videos({"a": 10}, group_size=5), seed=0)
