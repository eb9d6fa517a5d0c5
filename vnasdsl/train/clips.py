"""From videos and a recipe to batches: what the loaders need to know, from the text's input and the recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from vnasdsl.data import ClipLoader, FaultLog, Video, clip_loader, view_loader
from vnasdsl.elaborate.inputs import VideoInput
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import Recipe, RetrainRecipe, SearchRecipe

# The paper scales frames to 256 x 342 for crops of 224.
Batch = TypeVar("Batch")
_PAPER_SIZE, _PAPER_SCALE = 224, (256, 342)


class Batches(Protocol):
    """The batches of a pass, of known number: clips (B, 3, T, H, W) and labels (B,)."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class ClipShape:
    """How clips are cut out of videos."""

    frames: int
    size: int
    frame_stride: int
    scale: int | tuple[int, int]
    segments: int = 1

    @property
    def short_side(self) -> int:
        """Short side of the frames that evaluation crops come from."""
        return self.scale if isinstance(self.scale, int) else min(self.scale)


def clip_shape(video: VideoInput, recipe: Recipe) -> ClipShape:
    """The clips of an input under a recipe. Raises: UserError when crops are larger than the scaled frames."""
    size = video.size
    height, width = (round(side * size / _PAPER_SIZE) for side in _PAPER_SCALE)
    scale = recipe.scale or (height, width)
    shape = ClipShape(video.frames, size, recipe.frame_stride or video.frame_stride, scale, video.segments)
    if shape.short_side < size:
        raise UserError(
            f"frames scaled to {scale} are too small for crops of {size} x {size}",
            f"set `scale` to at least {size} in the recipe or by --set scale={height}",
        )
    return shape


def fault_log(reporter: Reporter, recipe: Recipe) -> FaultLog:
    """Unreadable videos are warned of as they are met; more than the recipe allows end the run."""
    return FaultLog(recipe.unreadable, report=lambda line: reporter.warn(line.removeprefix("warning: ")))


def count_faults(faults: FaultLog, reporter: Reporter) -> None:
    """Say at the end of a run how many videos were left out, if any were."""
    if faults.count:
        reporter.warn(f"{faults.count} of {faults.total} videos were unreadable and left out")


def _undrawn(loader: Iterable[Batch]) -> Iterator[Batch]:
    """A pass that leaves torch's global generator alone.

    A DataLoader draws a seed from it when a pass begins, how often depends on the number of workers; dropout would then
    depend on it too, and on whether the run was resumed.
    """
    with torch.random.fork_rng(devices=[]):
        iterator = iter(loader)
        first = next(iterator, None)
    if first is not None:
        yield first
        yield from iterator


class _Pass:
    def __init__(self, loader: ClipLoader):
        self._loader = loader

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return _undrawn(self._loader)

    def __len__(self) -> int:
        return len(self._loader)


class TrainingClips:
    """Passes over videos: a clip of each, in an order and with crops given by (seed, number of the pass) alone."""

    def __init__(
        self, videos: Sequence[Video], shape: ClipShape, recipe: SearchRecipe | RetrainRecipe, faults: FaultLog
    ):
        self._loader = clip_loader(
            videos,
            frames=shape.frames,
            size=shape.size,
            frame_stride=shape.frame_stride,
            segments=shape.segments,
            scale=shape.scale,
            flip=recipe.flip,
            batch=recipe.batch,
            workers=recipe.workers,
            seed=recipe.seed,
            faults=faults,
            drop_last=len(videos) >= recipe.batch,
        )

    def __call__(self, number: int) -> Batches:
        """The batches of a pass; one pass at a time."""
        self._loader.set_epoch(number)
        return _Pass(self._loader)

    def close(self) -> None:
        """End the worker processes."""
        self._loader.close()


class EvaluationViews:
    """Batches of (views (B, 3, T, H, W), labels (B,), video numbers (B,)), the same in every pass.

    Clips evenly over each video times crops; B is at most the batch of the recipe: memory does not grow with the views.
    """

    def __init__(self, videos: Sequence[Video], shape: ClipShape, recipe: Recipe, faults: FaultLog):
        per_video = recipe.clips * recipe.crops
        self._batch = recipe.batch
        self._loader = view_loader(
            videos,
            frames=shape.frames,
            size=shape.size,
            frame_stride=shape.frame_stride,
            segments=shape.segments,
            scale=shape.short_side,
            clips=recipe.clips,
            crops=recipe.crops,
            batch=max(1, recipe.batch // per_video),
            workers=recipe.workers,
            faults=faults,
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for views, labels, videos in _undrawn(self._loader):
            count = views.shape[1]
            flat = views.flatten(0, 1), labels.repeat_interleave(count), videos.repeat_interleave(count)
            yield from zip(*(tensor.split(self._batch) for tensor in flat), strict=True)

    def close(self) -> None:
        """End the worker processes."""
        self._loader.close()
