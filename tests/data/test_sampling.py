from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vnasdsl.data.sampling import (
    clip_frames,
    crop_corners,
    even_offsets,
    even_starts,
    generator_for,
    random_start,
    span,
)


def test_a_clip_is_consecutive_or_strided() -> None:
    assert clip_frames(3, 100, 4, 1) == [3, 4, 5, 6]
    assert clip_frames(3, 100, 4, 5) == [3, 8, 13, 18]


def test_a_short_video_is_repeated() -> None:
    assert clip_frames(0, 3, 8, 1) == [0, 1, 2, 0, 1, 2, 0, 1]
    assert clip_frames(0, 1, 4, 2) == [0, 0, 0, 0]
    assert clip_frames(0, 5, 4, 2) == [0, 2, 4, 1]


def test_every_start_that_fits_is_reached_and_no_other() -> None:
    draws = [number / 1000 for number in range(1000)]
    assert {random_start(draw, 20, 8, 1) for draw in draws} == set(range(13))
    assert {random_start(draw, 20, 8, 2) for draw in draws} == set(range(6))
    assert {random_start(draw, 8, 8, 1) for draw in draws} == {0}
    assert {random_start(draw, 5, 8, 1) for draw in draws} == {0}


def test_ten_clips_evenly_over_the_video() -> None:
    assert even_starts(106, 16, 1, 10) == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert even_starts(106, 16, 1, 1) == [45]
    assert even_starts(106, 16, 1, 2) == [0, 90]
    assert even_starts(9, 16, 1, 3) == [0, 0, 0]
    assert even_starts(21, 8, 2, 3) == [0, 3, 6]


def test_crops_lie_left_middle_right_or_top_middle_bottom() -> None:
    assert crop_corners(256, 342, (224, 224), 3) == [(16, 0), (16, 59), (16, 118)]
    assert crop_corners(342, 256, (224, 224), 3) == [(0, 16), (59, 16), (118, 16)]
    assert crop_corners(256, 342, (224, 224), 1) == [(16, 59)]
    assert crop_corners(256, 342, (256, 256), 2) == [(0, 0), (0, 86)]
    assert crop_corners(256, 256, (256, 256), 3) == [(0, 0), (0, 0), (0, 0)]


@given(room=st.integers(0, 10_000), count=st.integers(2, 40))
def test_offsets_are_even(room: int, count: int) -> None:
    offsets = even_offsets(room, count)
    assert (offsets[0], offsets[-1], len(offsets)) == (0, room, count)
    assert all(abs(offset - place * room / (count - 1)) <= 0.5 for place, offset in enumerate(offsets))


@given(
    length=st.integers(1, 300),
    frames=st.integers(1, 64),
    stride=st.integers(1, 8),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_a_clip_lies_in_the_video_and_wraps_only_when_it_must(
    length: int, frames: int, stride: int, draw: float
) -> None:
    numbers = clip_frames(random_start(draw, length, frames, stride), length, frames, stride)
    assert len(numbers) == frames
    assert all(0 <= number < length for number in numbers)
    if span(frames, stride) <= length:
        assert numbers == list(range(numbers[0], numbers[0] + span(frames, stride), stride))


def test_generators_are_their_own_and_the_same_everywhere() -> None:
    assert generator_for(0, 1, 2).random() == generator_for(0, 1, 2).random()
    keys = [(seed, epoch, index) for seed in range(4) for epoch in range(4) for index in range(4)]
    assert len({generator_for(*key).random() for key in keys}) == len(keys)
    assert generator_for(0, 0, 0).random() == FIRST_DRAW


# Frozen: another value would mean that a seed no longer gives the clips it gave.
FIRST_DRAW = 0.18447306053091705
