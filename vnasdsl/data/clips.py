"""Training clips: one random clip of every video per epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Dataset

from vnasdsl.data.cache import DEFAULT_CACHE_BYTES, STORE
from vnasdsl.data.decode import Scale, UnreadableVideo
from vnasdsl.data.faults import FaultLog
from vnasdsl.data.sampling import clip_frames, generator_for, random_starts
from vnasdsl.data.videos import Video
from vnasdsl.data.workers import EpochBatches, Fault, Sample, Size, check_clip, check_crop, close, received, start


def clip_loader(
    videos: Sequence[Video],
    *,
    frames: int = 16,
    size: Size = 224,
    frame_stride: int = 1,
    segments: int = 1,
    scale: Scale = (256, 342),
    flip: bool = False,
    batch: int = 8,
    workers: int = 2,
    seed: int = 0,
    epoch: int = 0,
    faults: FaultLog | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
) -> ClipLoader:
    """Batches of (clips, labels): float32 (B, 3, T, H, W) normalised, and int64 (B,).

    Of every video `frames` frames, `frame_stride` apart, from a random start (temporal jitter; shorter videos are
    repeated); with several `segments` as many runs of frames // segments each, from a random start in each of as many
    equal parts of the video; scaled to `scale`, (height, width) exactly or a short side in pixels; a random crop of
    `size`; mirrored with probability one half only if `flip` (it turns left into right). The same (seed, epoch) gives
    the same clips in the same order whatever `workers` is (0: decode in this process).

    Call `set_epoch(n)` before each pass: iterating the same loader again is cheap, since its worker processes live on,
    and gives the clips of the same epoch again unless told otherwise. An unreadable video makes its batch smaller and
    is entered into `faults`; too many raise UserError. `cache_bytes` bounds the decoded small videos kept per process
    (0 keeps none); it changes nothing but the time. Raises UserError when the crop is larger than `scale`.
    """
    return ClipLoader(
        videos,
        frames,
        size,
        frame_stride,
        segments,
        scale,
        flip,
        batch,
        workers,
        seed,
        epoch,
        faults,
        shuffle,
        drop_last,
        cache_bytes,
    )


class ClipLoader:
    """What `clip_loader` returns; `len` is the number of batches of an epoch. `close` ends the worker processes."""

    def __init__(
        self,
        videos: Sequence[Video],
        frames: int,
        size: Size,
        frame_stride: int,
        segments: int,
        scale: Scale,
        flip: bool,
        batch: int,
        workers: int,
        seed: int,
        epoch: int,
        faults: FaultLog | None,
        shuffle: bool,
        drop_last: bool,
        cache_bytes: int,
    ):
        check_clip(videos, frames, frame_stride, segments, batch, workers)
        self.videos = tuple(videos)
        self.batch, self.drop_last, self.shuffle = batch, drop_last, shuffle
        self.seed, self.epoch = seed, epoch
        self.faults = FaultLog() if faults is None else faults
        self.faults.expect(video.path for video in self.videos)
        crop = check_crop(size, scale)
        clips = _Clips(self.videos, frames, crop, frame_stride, segments, scale, flip, seed, cache_bytes)
        self._loader = start(clips, EpochBatches(self), workers)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def order(self) -> list[int]:
        """Indices of the videos in the order of this epoch."""
        indices = list(range(len(self.videos)))
        if self.shuffle:
            generator_for(self.seed, self.epoch).shuffle(indices)
        return indices

    def __len__(self) -> int:
        whole, rest = divmod(len(self.videos), self.batch)
        return whole if self.drop_last or rest == 0 else whole + 1

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for clips, labels, _ in received(self._loader, self.faults):
            yield clips, labels

    def close(self) -> None:
        close(self._loader)


class _Clips(Dataset[Sample]):
    """(epoch, index) -> one random clip (T, H, W, 3) uint8."""

    def __init__(
        self,
        videos: tuple[Video, ...],
        frames: int,
        crop: tuple[int, int],
        stride: int,
        segments: int,
        scale: Scale,
        flip: bool,
        seed: int,
        cache_bytes: int,
    ):
        self.videos, self.frames, self.crop, self.stride = videos, frames, crop, stride
        self.segments = segments
        self.scale, self.flip, self.seed, self.cache_bytes = scale, flip, seed, cache_bytes

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, index = key
        video = self.videos[index]
        generator = generator_for(self.seed, epoch, index)
        # Always four draws in this order, then those of further segments: asking for flips changes nothing else.
        when, down, right, mirror = (generator.random() for _ in range(4))
        draws = [when, *(generator.random() for _ in range(self.segments - 1))]

        def pick(length: int) -> list[int]:
            starts = random_starts(draws, length, self.frames, self.stride)
            return clip_frames(starts, length, self.frames, self.stride)

        try:
            pictures = STORE.read(video.path, pick, self.scale, self.cache_bytes)
        except UnreadableVideo as problem:
            return Fault(video.path, str(problem))
        height, width = pictures.shape[1:3]
        top = int(down * (height - self.crop[0] + 1))
        left = int(right * (width - self.crop[1] + 1))
        clip = pictures[:, top : top + self.crop[0], left : left + self.crop[1]]
        if self.flip and mirror < 0.5:
            clip = clip.flip(2)
        return clip, video.label, index
