"""Worker processes for decoding: what both loaders share.

- Order and content never depend on the number of workers: the order is drawn in the main process from (seed, epoch),
  each sample's randomness from (seed, epoch, index), and batches come back in the order they were sent.
- Workers stay alive between epochs (`epoch` travels with every index), since starting them costs more than a whole
  epoch of small videos.
- Workers ignore Ctrl-C: the main process gets it, unwinds and ends them. If the main process is killed, they end
  with it.
- Clips travel as uint8 and are normalised in the main process: a quarter of the bytes through shared memory.
- A sample that cannot be read comes back as its path and reason; the main process keeps the one list of faults.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from threading import Thread
from types import TracebackType
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from vnasdsl.data.decode import Scale, scaled_size
from vnasdsl.data.faults import FaultLog
from vnasdsl.data.videos import Video
from vnasdsl.language.diagnostics import UserError

# Mean and standard deviation of RGB in 0 .. 1, the same for the three channels, as usual for Kinetics.
MEAN = 0.45
STD = 0.225


Size = int | tuple[int, int]  # a square, or (height, width)


@dataclass(frozen=True)
class Fault:
    path: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """What a worker sends: `clips` has a leading batch dimension and ends in (T, H, W, 3); None when all failed."""

    clips: torch.Tensor | None
    labels: torch.Tensor
    indices: torch.Tensor
    faults: tuple[Fault, ...]


Sample = tuple[torch.Tensor, int, int] | Fault  # clips, label, index of the video


def collate(samples: list[Sample]) -> Batch:
    good = [sample for sample in samples if not isinstance(sample, Fault)]
    faults = tuple(sample for sample in samples if isinstance(sample, Fault))
    return Batch(
        torch.stack([clips for clips, _, _ in good]) if good else None,
        torch.tensor([label for _, label, _ in good], dtype=torch.int64),
        torch.tensor([index for _, _, index in good], dtype=torch.int64),
        faults,
    )


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """(..., T, H, W, 3) uint8 -> (..., 3, T, H, W) float32, contiguous: (x / 255 - MEAN) / STD."""
    channels_first = pixels.movedim(-1, -4)
    floats = torch.empty(channels_first.shape, dtype=torch.float32)
    floats.copy_(channels_first)
    return floats.mul_(1.0 / (255.0 * STD)).sub_(MEAN / STD)


class Ordered(Protocol):
    """What a loader tells about its next pass."""

    epoch: int
    batch: int
    drop_last: bool

    def order(self) -> list[int]: ...

    def __len__(self) -> int: ...


class EpochBatches(Sampler[list[tuple[int, int]]]):
    """Batches of (epoch, index); `order` is asked anew at the start of every pass."""

    def __init__(self, loader: Ordered):
        self._loader = loader

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch, order, batch = self._loader.epoch, self._loader.order(), self._loader.batch
        for first in range(0, len(order), batch):
            chosen = order[first : first + batch]
            if len(chosen) == batch or not self._loader.drop_last:
                yield [(epoch, index) for index in chosen]

    def __len__(self) -> int:
        return len(self._loader)


def start(dataset: Dataset[Sample], batches: EpochBatches, workers: int) -> DataLoader[Any]:
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        persistent_workers=workers > 0,
        worker_init_fn=_quiet if workers > 0 else None,
    )


def _quiet(worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = _unless_parent_is_gone
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent is gone. torch's worker loop looks too, but then waits for batches it has sent
    to be taken, which is for ever when the pipe is full."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _unless_parent_is_gone(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    """The thread that hands tensors over reports a broken connection when the parent ends: not worth a traceback."""
    if not issubclass(kind, ConnectionError | EOFError):
        sys.__excepthook__(kind, problem, trace)


def _begin(loader: DataLoader[Any]) -> Iterator[Batch]:
    """Start a pass. Workers that start with it are born deaf to Ctrl-C: there is no moment before `_quiet` runs."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return iter(loader)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def received(loader: DataLoader[Any], faults: FaultLog) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Normalised clips, labels and indices, without empty batches; faults go to the log, which may stop the run."""
    for batch in _begin(loader):
        for fault in batch.faults:
            faults.add(fault.path, fault.reason)
        if batch.clips is not None:
            yield normalise(batch.clips), batch.labels, batch.indices


def close(loader: DataLoader[Any]) -> None:
    """End the worker processes now; they would also end with the loader."""
    iterator = getattr(loader, "_iterator", None)
    if iterator is not None:
        iterator._shutdown_workers()
        loader._iterator = None


def check_clip(
    videos: Sequence[Video], frames: int, frame_stride: int, segments: int, batch: int, workers: int
) -> None:
    if not videos:
        raise UserError("there are no videos to read")
    for name, value, least in (
        ("frames", frames, 1),
        ("frame stride", frame_stride, 1),
        ("segments", segments, 1),
        ("batch", batch, 1),
        ("workers", workers, 0),
    ):
        if value < least:
            raise UserError(f"{name} must be {least} or more, not {value}")
    if frames % segments:
        raise UserError(f"{frames} frames cannot be taken from {segments} segments: every segment gives as many")


def check_crop(size: Size, scale: Scale) -> tuple[int, int]:
    """(height, width) of the crop. Raises UserError when it does not fit into every frame scaled by `scale`."""
    height, width = (size, size) if isinstance(size, int) else size
    room = scaled_size(1, 1, scale)  # of a square frame, the narrowest
    if height < 1 or width < 1 or height > room[0] or width > room[1]:
        whole = f"a short side of {scale}" if isinstance(scale, int) else f"{scale[0]} x {scale[1]}"
        raise UserError(
            f"a crop of {height} x {width} does not fit into frames scaled to {whole}", "scale frames larger"
        )
    return height, width
