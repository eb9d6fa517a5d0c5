"""Training clips, from files whose pictures tell frame number and position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.videos import clip_loader, encode, encode_numbered, numbers_in
from vnasdsl.data import FaultLog, Video, cache, open_data
from vnasdsl.data.cache import STORE, VideoStore
from vnasdsl.data.examine import require_readable
from vnasdsl.data.loader import MEAN, STD
from vnasdsl.language.diagnostics import UserError


def pixels(clips: torch.Tensor) -> torch.Tensor:
    """Normalised (..., 3, T, H, W) back to (..., T, H, W, 3) in 0 .. 255."""
    return ((clips * STD + MEAN) * 255).movedim(-4, -1)


def one(path: Path, **more: object) -> list[torch.Tensor]:
    """Clips of one video over 60 epochs, (T, H, W, 3) in 0 .. 255."""
    loader = clip_loader([Video(str(path), 0, "x")], workers=0, batch=1, **more)
    clips = []
    for epoch in range(60):
        clips += [pixels(clip)[0] for clip, _ in loader(epoch)]
    return clips


def test_shapes_types_and_normalisation(folder_set: Callable[..., Path]) -> None:
    data = open_data(f"folder:{folder_set(train=5, height=40, width=50)}")
    loader = clip_loader(data.train, frames=6, size=(16, 24), scale=(20, 30), batch=4, workers=0)
    batches = list(loader)
    assert len(loader) == len(batches) == 3
    assert [clips.shape for clips, _ in batches] == [(4, 3, 6, 16, 24), (4, 3, 6, 16, 24), (2, 3, 6, 16, 24)]
    clips, labels = batches[0]
    assert (clips.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert clips.is_contiguous()
    assert sorted(label for _, labels in batches for label in labels.tolist()) == [0] * 5 + [1] * 5
    grey = pixels(clips)
    assert (grey.min(), grey.max()) > (5, 20)
    assert len(clip_loader(data.train, frames=6, size=16, scale=20, batch=4, workers=0, drop_last=True)) == 2


@pytest.mark.parametrize(("stride", "starts"), [(1, range(13)), (2, range(6))])
def test_consecutive_frames_from_every_start(tmp_path: Path, stride: int, starts: range) -> None:
    path = encode_numbered(tmp_path / "v.avi", 20)
    seen = set()
    for clip in one(path, frames=8, frame_stride=stride, size=16, scale=16):
        numbers = numbers_in(clip)
        assert numbers == list(range(numbers[0], numbers[0] + 8 * stride, stride))
        seen.add(numbers[0])
    assert seen <= set(starts)
    assert len(seen) >= len(starts) - 2
    assert {starts[0], starts[-1]} <= seen


def test_a_short_video_is_repeated(tmp_path: Path) -> None:
    path = encode_numbered(tmp_path / "v.mp4", 5, codec="libx264")
    for clip in one(path, frames=8, size=16, scale=16)[:5]:
        assert numbers_in(clip) == [0, 1, 2, 3, 4, 0, 1, 2]


def test_segments_come_from_equal_parts(tmp_path: Path) -> None:
    path = encode_numbered(tmp_path / "v.avi", 20)
    plain = one(path, frames=4, size=16, scale=16)
    seen = set()
    for clip, whole in zip(one(path, frames=4, segments=2, frame_stride=2, size=16, scale=16), plain, strict=True):
        first, second, third, fourth = numbers_in(clip)
        assert (second, fourth) == (first + 2, third + 2)
        assert 0 <= first <= 7 and 10 <= third <= 17
        seen |= {first, third}
        # The draw of the first start is that of a clip without segments: of 17 starts there, of 8 here.
        assert abs(first / 8 - numbers_in(whole)[0] / 17) < 1 / 8
    assert {0, 7, 10, 17} <= seen


def _ramps(height: int, width: int) -> np.ndarray:
    """Red grows to the right, green downwards."""
    picture = np.full((height, width, 3), 128, dtype=np.uint8)
    picture[:, :, 0] = np.linspace(40, 215, width)[None, :]
    picture[:, :, 1] = np.linspace(40, 215, height)[:, None]
    return picture


def test_crops_reach_every_place_and_stay_put_within_a_clip(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mp4", [_ramps(64, 96)] * 10, codec="libx264")
    corners = []
    for clip in one(path, frames=4, size=32, scale=64):
        assert (clip[0] - clip[3]).abs().max() < 12  # the same place in every frame
        red, green = clip[..., 0].mean().item(), clip[..., 1].mean().item()
        corners.append(((red - 40) / 175 * 96 - 16, (green - 40) / 175 * 64 - 16))
    across, down = zip(*corners, strict=True)
    assert -2 < min(across) < 6 and 58 < max(across) < 66
    assert -2 < min(down) < 4 and 28 < max(down) < 34


def test_the_rectangle_ignores_the_aspect_and_the_short_side_keeps_it(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mp4", [_ramps(64, 96)] * 4, codec="libx264")
    whole = one(path, frames=2, size=(20, 20), scale=(20, 20))[0]
    assert whole[..., 0].max() - whole[..., 0].min() > 150  # all of the width is there
    part = one(path, frames=2, size=(20, 20), scale=20)[0]
    assert part[..., 0].max() - part[..., 0].min() < 140  # 20 of 30 columns


def test_flip_only_when_asked_and_changing_nothing_else(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.mp4", [_ramps(64, 96)] * 10, codec="libx264")
    plain = one(path, frames=2, size=32, scale=64)
    assert all(clip[..., -1, 0].mean() > clip[..., 0, 0].mean() for clip in plain)
    flipped = one(path, frames=2, size=32, scale=64, flip=True)
    mirrored = [not torch.equal(before, after) for before, after in zip(plain, flipped, strict=True)]
    assert 15 < sum(mirrored) < 45
    for before, after, turned in zip(plain, flipped, mirrored, strict=True):
        assert torch.equal(before.flip(2) if turned else before, after)


def test_the_same_clips_whatever_the_workers_and_the_cache(folder_set: Callable[..., Path]) -> None:
    data = open_data(f"folder:{folder_set(train=9, test=1)}")

    def epochs(workers: int, cache_bytes: int, numbers: range) -> list[tuple[torch.Tensor, torch.Tensor]]:
        STORE.clear()
        loader = clip_loader(
            data.train,
            frames=4,
            size=16,
            scale=(20, 28),
            flip=True,
            batch=5,
            workers=workers,
            seed=7,
            cache_bytes=cache_bytes,
        )
        batches = []
        for number in numbers:
            batches += list(loader(number))
        loader.close()
        return batches

    expected = epochs(0, 0, range(3))
    assert len(expected) == 12
    assert not torch.equal(expected[0][0], expected[4][0])
    # Small limits too: some videos are kept, the others read from disk.
    for workers, cache_bytes in ((0, 2**28), (0, 80_000), (1, 2**28), (2, 0), (2, 80_000)):
        for (clips, labels), (other, others) in zip(expected, epochs(workers, cache_bytes, range(3)), strict=True):
            assert torch.equal(clips, other)
            assert torch.equal(labels, others)
    # An epoch stands for itself: resuming at epoch 2 needs nothing of the epochs before.
    for (clips, _), (other, _) in zip(expected[8:], epochs(2, 0, range(2, 3)), strict=True):
        assert torch.equal(clips, other)


def test_order_and_seed(folder_set: Callable[..., Path]) -> None:
    data = open_data(f"folder:{folder_set(train=8, test=1)}")

    def order(epoch: int = 0, **more: object) -> list[int]:
        return clip_loader(data.train, frames=2, size=8, scale=8, workers=0, **more)(epoch).order()

    assert order(shuffle=False) == list(range(16))
    assert sorted(order()) == list(range(16))
    assert order(seed=1, epoch=2) == order(seed=1, epoch=2)
    assert len({tuple(order(seed=seed, epoch=epoch)) for seed in range(3) for epoch in range(3)}) == 9


def test_there_must_be_videos() -> None:
    with pytest.raises(UserError, match="no videos"):
        clip_loader([])


def test_the_store_keeps_small_videos_within_its_limit_and_notices_a_new_file(tmp_path: Path) -> None:
    paths = [str(encode_numbered(tmp_path / f"{number}.avi", 10)) for number in range(3)]
    store, size = VideoStore(), 10 * 16 * 24 * 3
    for path in paths:
        assert numbers_in(store.read(path, lambda _: [4, 2, 2], 16, 2 * size)) == [4, 2, 2]
    assert store.bytes == 2 * size
    encode_numbered(Path(paths[0]), 7)
    lengths = []
    store.read(paths[0], lambda length: lengths.append(length) or [0], 16, 2 * size)
    assert set(lengths) == {7}


def test_what_is_kept_is_not_looked_into_again(
    folder_set: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening small files takes longer than all else that is done with them."""
    data = open_data(f"folder:{folder_set(train=3, test=1)}")
    looked_into: list[str] = []

    def telling(work: Callable[..., object]) -> Callable[..., object]:
        return lambda path, *more, **named: looked_into.append(path) or work(path, *more, **named)

    for name in ("scan", "read_for"):
        monkeypatch.setattr(cache, name, telling(getattr(cache, name)))
    STORE.clear()
    for _ in range(2):
        require_readable(data.train, FaultLog(), workers=0)
        list(clip_loader(data.train, frames=4, size=16, scale=24, workers=0))
        assert Counter(looked_into) == {video.path: 3 for video in data.train}  # index, first frame, all frames
    Path(data.train[0].path).write_bytes(b"")
    faults = FaultLog(1.0)
    require_readable(data.train, faults, workers=0)
    assert list(faults.files) == [data.train[0].path]
