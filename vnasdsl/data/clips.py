"""Training clips, one random clip of every video per epoch, and evaluation views, N clips x M crops of every video."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.utils.data import Dataset

from vnasdsl.data.augment import Augment
from vnasdsl.data.cache import DEFAULT_CACHE_BYTES, STORE, Pick
from vnasdsl.data.decode import Pictures, whole
from vnasdsl.data.faults import FaultLog
from vnasdsl.data.index import UnreadableVideo
from vnasdsl.data.loader import CPU, Fault, Sample, VideoLoader, normalise
from vnasdsl.data.maps import mirrored, read_streams
from vnasdsl.data.planes import Planes, Region
from vnasdsl.data.sampling import ClipShape, clip_frames, crop_corners, even_starts, generator_for, random_starts
from vnasdsl.data.videos import Video

_AS_IT_IS = Augment()


class ClipLoader(VideoLoader):
    """Batches of (clips, labels): float32 (B, 3, T, H, W) normalised, and int64 (B,), or bool (B, classes) where videos
    have several labels.

    Of every video one clip: each segment from a random start, a random crop, and with `flip` mirrored with probability
    one half (it turns left into right). The same (seed, epoch) gives the same clips in the same order whatever
    `workers` is (0: decode in this process). `loader(epoch)` sets the epoch and returns the loader.

    An unreadable video makes its batch smaller and is entered into `faults`; too many raise UserError. `cache_bytes`
    bounds the decoded small videos kept per process (0 keeps none); it changes nothing but the time. `planes`: frames
    are scaled and get their colours on the device, by default where that is not the CPU.
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
        augment: Augment = _AS_IT_IS,
        device: torch.device = CPU,
        planes: bool | None = None,
    ):
        samples = _Clips(tuple(videos), shape, cache_bytes, _as_planes(planes, device, shape), flip, seed)
        room = (shape.frames, *shape.crop, shape.channels)
        super().__init__(videos, samples, batch, workers, faults, drop_last, room, device=device)
        self.seed, self.shuffle, self.augment, self.streams = seed, shuffle, augment, shape.streams
        self.plain = False
        """Nothing is augmented."""

    def __call__(self, epoch: int) -> ClipLoader:
        self.epoch = epoch
        return self

    def order(self) -> list[int]:
        indices = super().order()
        if self.shuffle:
            generator_for(self.seed, self.epoch).shuffle(indices)
        return indices

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for clips, labels, indices in self.received():
            if not len(labels):  # this rank could read nothing of the batch
                yield clips, labels
                continue
            pixels = clips.to(self.device)
            change = None if self.plain or not self.augment else partial(self._augmented, indices.tolist())
            yield normalise(pixels, change, self.streams), labels.to(self.device)

    def _augmented(self, indices: list[int], clips: torch.Tensor) -> torch.Tensor:
        draws = [generator_for(self.seed, self.epoch, index, 1) for index in indices]
        return torch.stack([self.augment(clip, draw) for clip, draw in zip(clips, draws, strict=True)])


class ViewLoader(VideoLoader):
    """Batches of (views, labels, indices): float32 (B, 3, T, H, W), int64 (B,), int64 (B,) into `videos`.

    Every video gives clips x crops views, clip by clip, as `even_starts` and `crop_corners` say; it is decoded once for
    all of them. A batch holds at most `batch` views, and those of one video may lie in several batches. Nothing is
    random. Faults as for `ClipLoader`.
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
        device: torch.device = CPU,
        planes: bool | None = None,
    ):
        samples = _Views(tuple(videos), shape, cache_bytes, _as_planes(planes, device, shape), clips, crops)
        room = (clips * crops, shape.frames, *shape.crop, shape.channels)
        each = max(1, batch // (clips * crops))
        super().__init__(videos, samples, each, workers, faults, clip=room, device=device)
        self.batch, self.streams = batch, shape.streams

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        for views, labels, videos in self.received():
            if not len(labels):
                continue
            count = views.shape[1]
            flat = views.flatten(0, 1), labels.repeat_interleave(count, dim=0), videos.repeat_interleave(count)
            for some, of_labels, of_videos in zip(*(tensor.split(self.batch) for tensor in flat), strict=True):
                yield normalise(some.to(self.device), streams=self.streams), of_labels, of_videos


@dataclass(frozen=True)
class _Samples(Dataset[Sample]):
    """(epoch, index) -> what is cut out of a video, (..., T, H, W, 3) uint8, or why it cannot be read."""

    videos: tuple[Video, ...]
    shape: ClipShape
    cache_bytes: int
    planes: bool

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        epoch, index = key
        video = self.videos[index]
        try:
            return self.cut(video, epoch, index), video.target, index
        except UnreadableVideo as problem:
            return Fault(video.path, str(problem))

    @abstractmethod
    def cut(self, video: Video, epoch: int, index: int) -> Pictures: ...

    def read(self, video: Video, pick: Pick, region: Region = whole) -> Pictures:
        """Frames of the video and, as further channels, of its streams."""
        scale, streams = self.shape.scale, self.shape.streams
        if not streams:
            return STORE.read_for(video.path, pick, scale, self.cache_bytes, region, self.planes)
        last: dict[str, Any] = {}

        def picked(length: int) -> list[int]:
            last.update(length=length, numbers=pick(length))
            return last["numbers"]

        def cut_out(height: int, width: int) -> tuple[slice, slice]:
            last.update(size=(height, width))
            return region(height, width)

        pictures = STORE.read(video.path, picked, scale, self.cache_bytes, cut_out)
        maps = read_streams(video, streams, **last, region=region, cache_bytes=self.cache_bytes)
        return torch.cat([pictures, *maps], dim=-1)


@dataclass(frozen=True)
class _Clips(_Samples):
    """One random clip (T, H, W, 3), with more channels for streams."""

    flip: bool
    seed: int

    def cut(self, video: Video, epoch: int, index: int) -> Pictures:
        shape, generator = self.shape, generator_for(self.seed, epoch, index)
        # Always four draws in this order, then those of further segments: asking for flips changes nothing else.
        when, down, right, mirror = (generator.random() for _ in range(4))
        draws = [when, *(generator.random() for _ in range(shape.segments - 1))]

        def crop(height: int, width: int) -> tuple[slice, slice]:
            top = int(down * (height - shape.crop[0] + 1))
            left = int(right * (width - shape.crop[1] + 1))
            return slice(top, top + shape.crop[0]), slice(left, left + shape.crop[1])

        clip = self.read(video, lambda length: clip_frames(random_starts(draws, length, shape), length, shape), crop)
        return _then(clip, partial(mirrored, streams=shape.streams)) if self.flip and mirror < 0.5 else clip


@dataclass(frozen=True)
class _Views(_Samples):
    """All views of a video, (V, T, H, W, 3); the epoch has no effect."""

    clips: int
    crops: int

    def cut(self, video: Video, epoch: int, index: int) -> Pictures:
        shape = self.shape

        def pick(length: int) -> list[int]:
            return [n for starts in even_starts(length, self.clips, shape) for n in clip_frames(starts, length, shape)]

        return _then(self.read(video, pick), partial(_views, clips=self.clips, crops=self.crops, crop=shape.crop))


def _views(pictures: torch.Tensor, clips: int, crops: int, crop: tuple[int, int]) -> torch.Tensor:
    height, width = crop
    by_clip = pictures.unflatten(0, (clips, -1)).movedim(-1, 1)
    corners = crop_corners(pictures.shape[1], pictures.shape[2], crop, crops)
    views = [by_clip[..., top : top + height, left : left + width] for top, left in corners]
    return torch.stack(views, dim=1).flatten(0, 1).movedim(1, -1)


def _as_planes(asked: bool | None, device: torch.device, shape: ClipShape) -> bool:
    return (device.type != "cpu" if asked is None else asked) and not shape.streams


def _then(pictures: Pictures, change: Callable[[torch.Tensor], torch.Tensor]) -> Pictures:
    return pictures.then(change) if isinstance(pictures, Planes) else change(pictures)
