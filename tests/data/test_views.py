from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.data.test_clips import pixels
from tests.data.videos import encode, encode_numbered, numbers_in, view_loader
from vnasdsl.data import Video, open_data


def views_of(path: Path, **more: object) -> torch.Tensor:
    """(V, T, H, W, 3) in 0 .. 255."""
    ((views, labels, indices),) = view_loader([Video(str(path), 3, "x")], workers=0, batch=99, **more)
    assert set(labels.tolist()) == {3} and set(indices.tolist()) == {0} and len(views) == len(labels) == len(indices)
    assert (views.dtype, labels.dtype, indices.dtype) == (torch.float32, torch.int64, torch.int64)
    return pixels(views)


def test_thirty_views_by_default(tmp_path: Path) -> None:
    path = encode_numbered(tmp_path / "v.mp4", 40, codec="libx264", b_frames=2)
    views = views_of(path, frames=4, size=16, scale=16)
    assert views.shape == (30, 4, 16, 16, 3)
    starts = [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]
    assert [numbers_in(view) for view in views] == [[s, s + 1, s + 2, s + 3] for s in starts for _ in range(3)]


def test_clips_with_a_stride_and_of_a_short_video(tmp_path: Path) -> None:
    path = encode_numbered(tmp_path / "v.avi", 21)
    views = views_of(path, frames=8, frame_stride=2, size=16, scale=16, clips=3, crops=1)
    assert [numbers_in(view)[0] for view in views] == [0, 3, 6]
    assert numbers_in(views[2]) == list(range(6, 21, 2))
    short = views_of(encode_numbered(tmp_path / "s.avi", 3), frames=5, size=16, scale=16, clips=2, crops=1)
    assert [numbers_in(view) for view in short] == [[0, 1, 2, 0, 1]] * 2


def test_segments_of_several_clips(tmp_path: Path) -> None:
    path = encode_numbered(tmp_path / "v.avi", 30)
    views = views_of(path, frames=6, segments=3, size=16, scale=16, clips=3, crops=1)
    assert [numbers_in(view) for view in views] == [
        [0, 1, 10, 11, 20, 21],
        [4, 5, 14, 15, 24, 25],
        [8, 9, 18, 19, 28, 29],
    ]
    (middle,) = views_of(path, frames=6, segments=3, size=16, scale=16, clips=1, crops=1)
    assert numbers_in(middle) == [4, 5, 14, 15, 24, 25]


@pytest.mark.parametrize("tall", [False, True])
def test_crops_left_middle_right_and_top_middle_bottom(tmp_path: Path, tall: bool) -> None:
    """Three bands of brightness along the longer side; a square crop as high as the scaled frame sees one band each."""
    picture = np.zeros((64, 192, 3), dtype=np.uint8)
    for band, value in enumerate((40, 120, 200)):
        picture[:, 64 * band : 64 * band + 64] = value
    pictures = [picture.transpose(1, 0, 2) if tall else picture] * 3
    path = encode(tmp_path / "v.mp4", [np.ascontiguousarray(frame) for frame in pictures], codec="libx264")

    def bands(crops: int) -> list[int]:
        views = views_of(path, frames=2, size=32, scale=32, clips=1, crops=crops)
        return [round(view.mean().item() / 40) for view in views]

    assert bands(3) == [1, 3, 5]
    assert bands(1) == [3]
    assert bands(2) == [1, 5]
    assert bands(5) == [1, 2, 3, 4, 5]


def test_batches_of_videos_alike_whatever_the_workers(folder_set: Callable[..., Path]) -> None:
    data = open_data(f"folder:{folder_set(test=3)}")
    settings = {"frames": 4, "size": 16, "scale": 24, "clips": 2, "crops": 2}
    expected = list(view_loader(data.test, batch=16, workers=0, **settings))
    assert [views.shape for views, _, _ in expected] == [(16, 3, 4, 16, 16), (8, 3, 4, 16, 16)]
    assert [label for _, labels, _ in expected for label in labels.tolist()] == [0] * 12 + [1] * 12
    assert [i for _, _, indices in expected for i in indices.tolist()] == [i for i in range(6) for _ in range(4)]
    for workers, batch, sizes in ((2, 16, [16, 8]), (0, 1, [1] * 24), (1, 24, [24]), (0, 3, [3, 1] * 6)):
        loader = view_loader(data.test, batch=batch, workers=workers, **settings)
        found = [views for views, _, _ in loader]
        assert [len(views) for views in found] == sizes
        assert torch.equal(torch.cat(found), torch.cat([views for views, _, _ in expected]))
        loader.close()
