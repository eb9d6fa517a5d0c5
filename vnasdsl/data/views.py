"""Evaluation views: N clips evenly over each video, M crops of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Dataset

from vnasdsl.data.cache import DEFAULT_CACHE_BYTES, STORE
from vnasdsl.data.decode import UnreadableVideo
from vnasdsl.data.faults import FaultLog
from vnasdsl.data.sampling import clip_frames, crop_corners, even_starts
from vnasdsl.data.videos import Video
from vnasdsl.data.workers import EpochBatches, Fault, Sample, Size, check_clip, check_crop, close, received, start
from vnasdsl.language.diagnostics import UserError


def view_loader(
    videos: Sequence[Video],
    *,
    frames: int = 16,
    size: Size = 224,
    frame_stride: int = 1,
    segments: int = 1,
    scale: int = 256,
    clips: int = 10,
    crops: int = 3,
    batch: int = 1,
    workers: int = 2,
    faults: FaultLog | None = None,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
) -> ViewLoader:
    """Batches of (views, labels, indices): float32 (B, V, 3, T, H, W), int64 (B,), int64 (B,) into `videos`.

    B counts videos (`batch` of them, fewer in the last batch and where a video cannot be read), V = clips * crops.
    View c * crops + m is crop m of clip c. The clips start evenly between the first frame and the last start that
    fits (one clip: the middle; shorter videos are repeated). With several `segments` that holds in each of as many
    equal parts of the video, and a clip has frames // segments frames from each. The crops of `size` lie evenly along
    the longer side of the frame, its short side scaled to `scale` pixels: left, middle, right, or top, middle, bottom
    of a tall frame (one crop: the middle). Every video is decoded once for all its views; nothing is random, the order
    is that of `videos`. To use: `model(views.flatten(0, 1)).softmax(1).view(B, V, classes).mean(1)`.

    Faults as for `clip_loader`. Raises UserError when the crop is larger than `scale`.
    """
    return ViewLoader(
        videos, frames, size, frame_stride, segments, scale, clips, crops, batch, workers, faults, cache_bytes
    )


class ViewLoader:
    """What `view_loader` returns; `len` is the number of batches. `close` ends the worker processes."""

    drop_last = False
    epoch = 0

    def __init__(
        self,
        videos: Sequence[Video],
        frames: int,
        size: Size,
        frame_stride: int,
        segments: int,
        scale: int,
        clips: int,
        crops: int,
        batch: int,
        workers: int,
        faults: FaultLog | None,
        cache_bytes: int,
    ):
        check_clip(videos, frames, frame_stride, segments, batch, workers)
        if clips < 1 or crops < 1:
            raise UserError(f"{clips} clips x {crops} crops are no views", "use 1 or more of each, as in 10 x 3")
        self.videos = tuple(videos)
        self.batch = batch
        self.faults = FaultLog() if faults is None else faults
        self.faults.expect(video.path for video in self.videos)
        crop = check_crop(size, scale)
        dataset = _Views(self.videos, frames, crop, frame_stride, segments, scale, clips, crops, cache_bytes)
        self._loader = start(dataset, EpochBatches(self), workers)

    def order(self) -> list[int]:
        return list(range(len(self.videos)))

    def __len__(self) -> int:
        return -(-len(self.videos) // self.batch)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        return received(self._loader, self.faults)

    def close(self) -> None:
        close(self._loader)


class _Views(Dataset[Sample]):
    """(epoch, index) -> all views of a video, (V, T, H, W, 3) uint8; the epoch has no effect."""

    def __init__(
        self,
        videos: tuple[Video, ...],
        frames: int,
        crop: tuple[int, int],
        stride: int,
        segments: int,
        scale: int,
        clips: int,
        crops: int,
        cache_bytes: int,
    ):
        self.videos, self.frames, self.crop, self.stride = videos, frames, crop, stride
        self.segments = segments
        self.scale, self.clips, self.crops, self.cache_bytes = scale, clips, crops, cache_bytes

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        index = key[1]
        video = self.videos[index]

        def pick(length: int) -> list[int]:
            by_clip = even_starts(length, self.frames, self.stride, self.clips, self.segments)
            return [frame for starts in by_clip for frame in clip_frames(starts, length, self.frames, self.stride)]

        try:
            pictures = STORE.read(video.path, pick, self.scale, self.cache_bytes)
        except UnreadableVideo as problem:
            return Fault(video.path, str(problem))
        height, width = self.crop
        by_clip = pictures.view(self.clips, self.frames, *pictures.shape[1:])
        corners = crop_corners(pictures.shape[1], pictures.shape[2], self.crop, self.crops)
        views = [by_clip[:, :, top : top + height, left : left + width] for top, left in corners]
        return torch.stack(views, dim=1).flatten(0, 1), video.label, index
