"""Evaluation views: N clips evenly over each video, M crops of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import Dataset

from vnasdsl.data.cache import DEFAULT_CACHE_BYTES, STORE
from vnasdsl.data.decode import UnreadableVideo
from vnasdsl.data.faults import FaultLog
from vnasdsl.data.loader import Fault, Sample, VideoLoader
from vnasdsl.data.sampling import ClipShape, clip_frames, crop_corners, even_starts
from vnasdsl.data.videos import Video
from vnasdsl.language.diagnostics import UserError


class ViewLoader(VideoLoader):
    """Batches of (views, labels, indices): float32 (B, 3, T, H, W), int64 (B,), int64 (B,) into `videos`.

    Every video gives clips x crops views, clip by clip; a batch holds at most `batch` views, and those of one video may
    lie in several batches. The clips start evenly between the first frame and the last start that fits (one clip: the
    middle; shorter videos are repeated), in each segment of the video if the shape has several. The crops lie evenly
    along the longer side of the frame: left, middle, right, or top, middle, bottom (one crop: the middle). Every video
    is decoded once for all its views; nothing is random, and the order is that of `videos`.

    Faults as for `ClipLoader`.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        shape: ClipShape,
        *,
        clips: int = 10,
        crops: int = 3,
        batch: int = 16,
        workers: int = 2,
        faults: FaultLog | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ):
        if clips < 1 or crops < 1:
            raise UserError(f"{clips} clips x {crops} crops give no view", "use at least 1 of each, as in 10 x 3")
        samples = _Views(tuple(videos), shape, clips, crops, cache_bytes)
        super().__init__(videos, samples, max(1, batch // (clips * crops)), workers, faults)
        self.batch = batch

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        for views, labels, videos in self.received():
            count = views.shape[1]
            flat = views.flatten(0, 1), labels.repeat_interleave(count), videos.repeat_interleave(count)
            yield from zip(*(tensor.split(self.batch) for tensor in flat), strict=True)


@dataclass(frozen=True)
class _Views(Dataset[Sample]):
    """(epoch, index) -> all views of a video, (V, T, H, W, 3) uint8; the epoch has no effect."""

    videos: tuple[Video, ...]
    shape: ClipShape
    clips: int
    crops: int
    cache_bytes: int

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        index = key[1]
        video, shape = self.videos[index], self.shape

        def pick(length: int) -> list[int]:
            return [n for starts in even_starts(length, self.clips, shape) for n in clip_frames(starts, length, shape)]

        try:
            pictures = STORE.read(video.path, pick, shape.scale, self.cache_bytes)
        except UnreadableVideo as problem:
            return Fault(video.path, str(problem))
        height, width = shape.crop
        by_clip = pictures.view(self.clips, shape.frames, *pictures.shape[1:])
        corners = crop_corners(pictures.shape[1], pictures.shape[2], shape.crop, self.crops)
        views = [by_clip[:, :, top : top + height, left : left + width] for top, left in corners]
        return torch.stack(views, dim=1).flatten(0, 1), video.label, index
