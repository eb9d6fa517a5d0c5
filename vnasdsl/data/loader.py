"""Decoding in worker processes: what the loaders of clips and of views share.

- Order and content never depend on the number of workers: they follow from (seed, epoch, index).
- Workers live on between epochs: starting them costs more than a whole epoch of small videos.
- Workers ignore Ctrl-C: the main process handles it and ends them. If the main process is killed, they end with it.
- Clips travel as uint8 and are normalised on the device: a quarter of the bytes through shared memory and to a GPU.
- Workers write clips to where the main process reads them, in memory that is used again and again.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from threading import Thread
from types import TracebackType
from typing import Any
from weakref import proxy

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from vnasdsl.data.faults import FaultLog
from vnasdsl.data.memory import empty, offered
from vnasdsl.data.planes import Layout, Planes
from vnasdsl.data.sampling import Stream
from vnasdsl.data.videos import Video
from vnasdsl.interrupts import held_back, let_through
from vnasdsl.language.diagnostics import UserError
from vnasdsl.language.visible import visible

CPU = torch.device("cpu")
# Mean and standard deviation of RGB in 0 .. 1, the same for the three channels, as usual for Kinetics.
MEAN = 0.45
STD = 0.225
HANG_SECONDS = 300.0
"""When no worker has sent a batch for so long, the videos they are at count as unreadable for ever."""


@dataclass(frozen=True)
class Fault:
    """A video that cannot be read."""

    path: str
    reason: str


@dataclass(frozen=True)
class _Left:
    """Where a worker left planes: their place in the slot of their batch."""

    place: int
    shape: tuple[int, ...]
    layout: Layout


Sample = tuple[torch.Tensor | Planes | int | _Left, int | list[bool], int] | Fault
"""Clip (..., T, H, W, 3) uint8, its planes, or their place in the slot of its batch; label or labels; index of the
video."""
_PREFETCHED = 2
"""Batches that a worker may be ahead."""


@dataclass(frozen=True)
class _Batch:
    """What can be read of a batch. All are lists: each tensor from a worker would take a shared memory of its own."""

    clips: list[torch.Tensor | Planes | int | _Left]
    labels: list[int | list[bool]]
    indices: list[int]
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Share:
    """Which of `count` processes this is: they divide every batch of `count` times the size between them."""

    rank: int
    count: int


class _Watched(Dataset[Any]):
    """Samples; every worker notes which one it reads, so that a video that never ends can be named."""

    def __init__(self, samples: Dataset[Any], reading: torch.Tensor):
        """reading: (workers,), shared: the number of a video, -1 for none."""
        self.samples, self.reading = samples, reading
        self.slots: torch.Tensor | None = None
        """(slots, videos of a batch, ...), shared: where workers leave the clips of a batch."""
        self.rooms: NDArray[np.uint8] | None = None

    def __getitem__(self, key: tuple[int, int, int, int]) -> Any:
        epoch, index, batch, place = key
        worker = get_worker_info()
        if worker is None:
            return self.samples[epoch, index]
        self.reading[worker.id] = index
        if self.slots is None:
            sample = self.samples[epoch, index]
        else:
            if self.rooms is None:  # of numpy, which takes less time for small steps than torch
                self.rooms = _bytes_of(self.slots, 2).numpy()
            slot = batch % len(self.slots)
            with offered(self.rooms[slot, place]):
                sample = self.samples[epoch, index]
            if not isinstance(sample, Fault):
                sample = self.leave(sample[0], slot, place), sample[1], index
        self.reading[worker.id] = -1
        return sample

    def leave(self, clip: torch.Tensor | Planes, slot: int, place: int) -> int | _Left:
        """Where it is: copied there, unless it was made there."""
        assert self.slots is not None and self.rooms is not None
        if isinstance(clip, Planes):
            pixels, room = clip.pixels.numpy().reshape(-1), self.rooms[slot, place]
            if len(pixels) <= len(room):
                if not np.may_share_memory(pixels, room):
                    room[: len(pixels)] = pixels
                return _Left(place, tuple(clip.pixels.shape), clip.layout)
            clip = clip.pictures()
        target = self.slots[slot, place]
        if clip.data_ptr() != target.data_ptr() or clip.stride() != target.stride():
            target.copy_(clip)
        return place


class VideoLoader:
    """Batches of samples of `videos`; `len` is their number. `close` ends the worker processes."""

    def __init__(
        self,
        videos: Sequence[Video],
        samples: Dataset[Any],
        batch: int,
        workers: int,
        faults: FaultLog | None,
        drop_last: bool = False,
        clip: tuple[int, ...] = (),
        collate: Callable[[list[Any]], Any] | None = None,
        device: torch.device = CPU,
    ):
        """samples: (epoch, index of a video) to its sample; batch: videos in a batch of this process.

        clip: the shape of a sample's (..., T, H, W, channels); collate: several samples to what `batches` yields;
        without it they are `Sample`s. device: where clips are normalised.
        """
        if not videos:
            raise UserError("there are no videos to read")
        self.videos = tuple(videos)
        self.epoch = 0
        self.videos_per_batch, self.drop_last = batch, drop_last
        self.share = Share(0, 1)
        self.device = device
        self.faults = FaultLog() if faults is None else faults
        self.faults.expect(video.path for video in self.videos)
        self._reading = torch.full((workers,), -1).share_memory_()
        self._watched, self._clip = _Watched(samples, self._reading), clip
        self._loader: DataLoader[Any] = DataLoader(
            self._watched,
            batch_sampler=_Batches(self),
            num_workers=workers,
            collate_fn=collate or _collate,
            persistent_workers=workers > 0,
            prefetch_factor=_PREFETCHED if workers > 0 else None,
            worker_init_fn=_start_worker if workers > 0 else None,
            timeout=HANG_SECONDS if workers > 0 else 0,
            # Its own: a pass draws from it, how often depends on the workers, and dropout must not.
            generator=torch.Generator(),
        )

    def order(self) -> list[int]:
        """Indices of the videos in the order of the next pass."""
        return list(range(len(self.videos)))

    def __len__(self) -> int:
        whole, rest = divmod(len(self.videos), self.videos_per_batch * self.share.count)
        return whole + (rest > 0 and not self.drop_last)

    def received(self) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Clips as they were sent, or on the device what it made of planes, good until the next are asked for, labels
        and indices by batch, without unreadable videos. Raises: UserError for too many unreadable ones.

        With a share of the videos a batch may be empty; without, there are no empty ones.
        """
        for number, batch in enumerate(self.batches()):
            for fault in batch.faults:
                self.faults.add(fault.path, fault.reason)
            if batch.indices:
                slots = self._watched.slots
                clips = _together(batch.clips, None if slots is None else slots[number % len(slots)], self.device)
                yield clips, torch.tensor(batch.labels), torch.tensor(batch.indices)
            elif self.share.count > 1:
                yield torch.empty(0), torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64)

    def batches(self) -> Iterator[Any]:
        """One pass. Raises: UserError that names the videos whose reading does not end."""
        if self._clip and self._watched.slots is None and len(self._reading):
            # One for each batch that may be read ahead, and one for the batch that is in use.
            slots = _PREFETCHED * len(self._reading) + 1
            self._watched.slots = _shared((slots, self.videos_per_batch, *self._clip))
        # Workers started here are born with Ctrl-C held back: there is no moment before `_start_worker` ignores it.
        with held_back():
            batches = iter(self._loader)
        try:
            yield from batches
        except RuntimeError as problem:
            paths = [self.videos[number].path for number in self._reading.tolist() if number >= 0]
            listed = "".join(f"\n  {visible(path)}" for path in paths)
            if "timed out" not in str(problem):
                problem.add_note(f"workers were at:{listed}")
                raise
            raise UserError(
                f"no video could be read for {HANG_SECONDS:g} s; workers are still at:{listed}",
                "is the disk or the server that they lie on there? If so, remove or replace them; --resume continues",
            ) from None

    def close(self) -> None:
        """End the worker processes now; they would also end with the loader."""
        iterator = getattr(self._loader, "_iterator", None)
        if iterator is not None:
            iterator._shutdown_workers()
            self._loader._iterator = None
        self._watched.slots = self._watched.rooms = None


class _Batches(Sampler[list[tuple[int, int, int, int]]]):
    """Batches of (epoch, index, number of the batch, place in it); the order is asked for when a pass starts.

    It only refers weakly to its loader: in a cycle of objects, Python would end the queue to the workers before it
    asks them to end, and then wait five seconds for each.
    """

    def __init__(self, loader: VideoLoader):
        self._of = proxy(loader)

    def __iter__(self) -> Iterator[list[tuple[int, int, int, int]]]:
        epoch, order, share = self._of.epoch, self._of.order(), self._of.share
        size = self._of.videos_per_batch * share.count
        for number in range(len(self._of)):
            together = order[number * size : (number + 1) * size]
            own = together[share.rank :: share.count]
            yield [(epoch, index, number, place) for place, index in enumerate(own)]

    def __len__(self) -> int:
        return len(self._of)


def _collate(samples: list[Sample]) -> _Batch:
    good = [sample for sample in samples if not isinstance(sample, Fault)]
    return _Batch(
        [clip for clip, _, _ in good],
        [label for _, label, _ in good],
        [index for _, _, index in good],
        tuple(sample for sample in samples if isinstance(sample, Fault)),
    )


def _together(
    clips: Sequence[torch.Tensor | Planes | int | _Left], slot: torch.Tensor | None, device: torch.device
) -> torch.Tensor:
    """(clips, ..., T, H, W, channels), with the colours apart in memory as in each."""
    places = [clip for clip in clips if isinstance(clip, int)]
    if slot is not None and len(places) == len(clips):
        return slot[: len(clips)] if len(clips) == places[-1] + 1 else slot[places]
    pictures = []
    to_device = any(isinstance(clip, Planes | _Left) for clip in clips)
    for clip in clips:
        if isinstance(clip, int):
            assert slot is not None
            clip = slot[clip]
        elif isinstance(clip, _Left):
            assert slot is not None
            clip = Planes(_bytes_of(slot[clip.place], 0)[: math.prod(clip.shape)].view(clip.shape), clip.layout)
        if isinstance(clip, Planes):
            clip = replace(clip, pixels=clip.pixels.to(device)).pictures()
        elif to_device:
            clip = clip.to(device)
        pictures.append(clip.movedim(-1, -4))
    return torch.stack(pictures).movedim(-4, -1)


def _bytes_of(slots: torch.Tensor, first: int) -> torch.Tensor:
    """The memory of places for clips; first: how many dimensions are those of places."""
    return slots.movedim(-1, -4).flatten(first)


def _shared(shape: tuple[int, ...]) -> torch.Tensor:
    """(..., T, H, W, channels) uint8 in shared memory, with the colours apart as in decoded clips."""
    stored = (*shape[:-4], shape[-1], *shape[-4:-1])
    storage = torch.UntypedStorage._new_shared(math.prod(stored), device="cpu")
    return torch.empty(0, dtype=torch.uint8).set_(storage).view(stored).movedim(-4, -1)


def normalise(
    pixels: torch.Tensor,
    change: Callable[[torch.Tensor], torch.Tensor] | None = None,
    streams: Sequence[Stream] = (),
) -> torch.Tensor:
    """(..., T, H, W, 3) uint8 -> (..., 3, T, H, W) float32, contiguous: (x / 255 - MEAN) / STD.

    change: of the values from 0 to 1, before; streams: those of the channels behind the three.
    """
    if streams:
        parts = [normalise(pixels[..., :3], change)]
        for stream, own in zip(streams, pixels[..., 3:].split([s.channels for s in streams], dim=-1), strict=True):
            mean, deviation = stream.scale
            parts.append(own.movedim(-1, -4).float().div_(255.0).sub_(mean).div_(deviation))
        return torch.cat(parts, dim=-4)
    channels_first = pixels.movedim(-1, -4)
    shape, on_cpu = channels_first.shape, pixels.device.type == "cpu"
    floats = empty(shape, "float32") if on_cpu else torch.empty(shape, dtype=torch.float32, device=pixels.device)
    floats.copy_(channels_first)
    if change is not None:
        return change(floats.div_(255.0)).sub_(MEAN).div_(STD)
    return floats.mul_(1.0 / (255.0 * STD)).sub_(MEAN / STD)


def _start_worker(_number: int) -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    gc.freeze()  # what the parent made is not looked through again and again
    let_through()  # of SIGTERM, by which torch ends a worker that does not end by itself
    sys.excepthook = _report_unless_parent_is_gone
    Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """For a thread: wait until the parent is gone, then end this process. torch's worker loop does so too, but first
    waits for the batches it sent to be taken, which is forever when the pipe is full."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _report_unless_parent_is_gone(
    kind: type[BaseException], problem: BaseException, trace: TracebackType | None
) -> None:
    """The thread that sends tensors reports a broken connection when the parent ends: not worth a traceback."""
    if not issubclass(kind, ConnectionError | EOFError):
        sys.__excepthook__(kind, problem, trace)
