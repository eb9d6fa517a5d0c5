"""Frames that the device scales are those that FFmpeg would have made, whatever way they come there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.videos import clip_loader, encode, view_loader
from vnasdsl.data import Video, open_data
from vnasdsl.data.cache import STORE
from vnasdsl.data.decode import read, read_for, whole
from vnasdsl.data.index import scan
from vnasdsl.data.planes import Planes

MOST = 6  # levels of 255 by which pixels of noise may differ


def noise(path: Path, size: tuple[int, int], frames: int = 4, **more: object) -> str:
    draws = np.random.default_rng(0)
    return str(encode(path, [draws.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(frames)], **more))


@pytest.mark.parametrize("name", ["v.avi", "v.mp4"])
@pytest.mark.parametrize("size", [(48, 64), (52, 71), (96, 128), (48, 90), (42, 58), (43, 55)])
def test_pictures_are_those_of_ffmpeg(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    """The same size, larger ones, and smaller ones, whose colours FFmpeg interpolates in another way."""
    path = noise(tmp_path / name, (48, 64), codec="mpeg4" if name == "v.avi" else "libx264")
    index = scan(path)
    expected, _ = read(path, index, [0, 2, 3], size)
    planes, _ = read_for(path, index, [0, 2, 3], size, whole, planes=True)
    assert isinstance(planes, Planes)
    difference = (planes.pictures().int() - expected.int()).abs()
    assert difference.max() <= MOST and difference.float().mean() < 0.3
    if size == (48, 64):
        assert difference.max() <= 1


def test_a_part_has_the_pixels_of_the_whole(tmp_path: Path) -> None:
    path, draws = noise(tmp_path / "v.mp4", (48, 64), codec="libx264"), np.random.default_rng(1)
    for height, width in ((52, 71), (42, 58)):
        frames, _ = read_for(path, scan(path), [0, 1, 3], (height, width), whole, planes=True)
        assert isinstance(frames, Planes)
        pictures = frames.pictures()
        for _ in range(8):
            top, left = draws.integers(0, height - 8), draws.integers(0, width - 8)
            part = slice(top, draws.integers(top + 1, height + 1)), slice(left, draws.integers(left + 1, width + 1))
            region, _ = read_for(path, scan(path), [0, 1, 3], (height, width), lambda h, w, part=part: part, True)
            assert isinstance(region, Planes) and region.pixels.numel() <= frames.pixels.numel()
            assert torch.equal(region.pictures(), pictures[:, *part])
            kept = frames.chosen([2, 0, 2]).cut(lambda h, w, part=part: part)
            assert torch.equal(kept.pictures(), pictures[[2, 0, 2]][:, *part])


@pytest.mark.parametrize(
    ("name", "size", "more"),
    [
        ("large.mp4", (256, 256), {"codec": "libx264"}),
        ("odd.avi", (47, 63), {}),
        ("turned.mp4", (48, 64), {"codec": "libx264", "rotation": 90}),
        ("full.mp4", (48, 64), {"codec": "libx264", "pixels": "yuv444p"}),
    ],
)
def test_ffmpeg_makes_the_others(tmp_path: Path, name: str, size: tuple[int, int], more: dict[str, object]) -> None:
    path = noise(tmp_path / name, size, **more)
    pictures, _ = read_for(path, scan(path), [0, 1], 64, whole, planes=True)
    assert isinstance(pictures, torch.Tensor)
    assert torch.equal(pictures, read(path, scan(path), [0, 1], 64)[0])


def _levels(clips: torch.Tensor) -> torch.Tensor:
    return clips * (0.225 * 255)


# Planes of the smaller crop need more room than its pictures; longer clips than videos repeat frames.
@pytest.mark.parametrize(("crop", "frames"), [(32, 12), (4, 12), (32, 24)])
def test_clips_are_the_same_whatever_the_workers_and_the_cache(
    folder_set: Callable[..., Path], crop: int, frames: int
) -> None:
    data = open_data(f"folder:{folder_set(train=5, test=1)}")

    def clips(workers: int, cache_bytes: int, planes: bool) -> torch.Tensor:
        STORE.clear()
        more = {"size": crop, "scale": (40, 56), "frames": frames, "flip": True, "batch": 3, "planes": planes}
        loader = clip_loader(data.train, workers=workers, cache_bytes=cache_bytes, seed=3, **more)
        found = torch.cat([batch.clone() for epoch in range(2) for batch, _ in loader(epoch)])
        loader.close()
        return found

    expected = {planes: clips(0, 0, planes) for planes in (True, False)}
    assert (_levels(expected[True]) - _levels(expected[False])).abs().max() <= MOST
    for workers, cache_bytes in ((0, 2**28), (1, 0), (1, 2**28)):
        for planes in (True, False):
            assert torch.equal(clips(workers, cache_bytes, planes), expected[planes])


def test_views_are_those_of_pictures(tmp_path: Path) -> None:
    files = [
        noise(tmp_path / "a.mp4", (48, 64), 9, codec="libx264"),
        noise(tmp_path / "large.mp4", (96, 128), 9, codec="libx264"),
    ]
    videos = [Video(file, number, "") for number, file in enumerate(files)]
    how = {"frames": 4, "size": 32, "scale": 44, "clips": 2, "crops": 3, "batch": 12}
    found = []
    for workers, planes in ((0, False), (0, True), (1, True)):
        loader = view_loader(videos, workers=workers, planes=planes, **how)
        found.append(torch.cat([views.clone() for views, _, _ in loader]))
        loader.close()
    pictures, planes, sent = found
    assert len(planes) == 12 and torch.equal(planes, sent)
    assert (_levels(planes) - _levels(pictures)).abs().max() <= MOST
    assert torch.equal(planes[6:], pictures[6:])  # FFmpeg scales the large one in both
