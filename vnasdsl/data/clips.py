"""Training clips: one random clip of every video per epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import Dataset

from vnasdsl.data.cache import DEFAULT_CACHE_BYTES, STORE
from vnasdsl.data.decode import UnreadableVideo
from vnasdsl.data.faults import FaultLog
from vnasdsl.data.loader import Fault, Sample, VideoLoader
from vnasdsl.data.sampling import ClipShape, clip_frames, generator_for, random_starts
from vnasdsl.data.videos import Video


class ClipLoader(VideoLoader):
    """Batches of (clips, labels): float32 (B, 3, T, H, W) normalised, and int64 (B,).

    Of every video one clip from a random start (temporal jitter; shorter videos are repeated; every segment has a
    random start of its own), and a random crop of it, mirrored with probability one half only if `flip` (it turns left
    into right). The same (seed, epoch) gives the same clips in the same order whatever `workers` is (0: decode in this
    process).

    `loader(epoch)` sets the epoch and returns the loader. An unreadable video makes its batch smaller and is entered
    into `faults`; too many raise UserError. `cache_bytes` bounds the decoded small videos kept per process (0 keeps
    none); it changes nothing but the time.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        shape: ClipShape,
        *,
        batch: int = 8,
        workers: int = 2,
        seed: int = 0,
        flip: bool = False,
        shuffle: bool = True,
        drop_last: bool = False,
        faults: FaultLog | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
    ):
        samples = _Clips(tuple(videos), shape, flip, seed, cache_bytes)
        super().__init__(videos, samples, batch, workers, faults, drop_last)
        self.seed, self.shuffle = seed, shuffle

    def __call__(self, epoch: int) -> ClipLoader:
        self.epoch = epoch
        return self

    def order(self) -> list[int]:
        indices = super().order()
        if self.shuffle:
            generator_for(self.seed, self.epoch).shuffle(indices)
        return indices

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for clips, labels, _ in self.received():
            yield clips, labels


@dataclass(frozen=True)
class _Clips(Dataset[Sample]):
    """(epoch, index) -> one random clip (T, H, W, 3) uint8."""

    videos: tuple[Video, ...]
    shape: ClipShape
    flip: bool
    seed: int
    cache_bytes: int

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, index = key
        video, shape = self.videos[index], self.shape
        generator = generator_for(self.seed, epoch, index)
        # Always four draws in this order, then those of further segments: asking for flips changes nothing else.
        when, down, right, mirror = (generator.random() for _ in range(4))
        draws = [when, *(generator.random() for _ in range(shape.segments - 1))]

        def pick(length: int) -> list[int]:
            return clip_frames(random_starts(draws, length, shape), length, shape)

        try:
            pictures = STORE.read(video.path, pick, shape.scale, self.cache_bytes)
        except UnreadableVideo as problem:
            return Fault(video.path, str(problem))
        height, width = shape.crop
        top = int(down * (pictures.shape[1] - height + 1))
        left = int(right * (pictures.shape[2] - width + 1))
        clip = pictures[:, top : top + height, left : left + width]
        return clip.flip(2) if self.flip and mirror < 0.5 else clip, video.label, index
