"""From videos and a recipe to batches: what the loaders need to know, from the text's input and the recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from vnasdsl.data import FaultLog, Video, clip_loader, view_loader
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train.recipes import EvaluateRecipe, Recipe, RetrainRecipe, SearchRecipe

# The paper scales frames to 256 x 342 for crops of 224.
_PAPER_SIZE, _PAPER_SCALE = 224, (256, 342)


class Batches(Protocol):
    """An epoch's batches, of known number."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class ClipShape:
    """How clips are cut out of videos."""

    frames: int
    size: int
    frame_stride: int
    scale: int | tuple[int, int]

    @property
    def short_side(self) -> int:
        """Short side of the frames that evaluation crops come from."""
        return self.scale if isinstance(self.scale, int) else min(self.scale)


def clip_shape(frames: int, size: int, frame_stride: int, recipe: Recipe) -> ClipShape:
    """The clips of an input under a recipe. Raises: UserError when crops are larger than the scaled frames."""
    height, width = (round(side * size / _PAPER_SIZE) for side in _PAPER_SCALE)
    scale = recipe.scale or (height, width)
    shape = ClipShape(frames, size, recipe.frame_stride or frame_stride, scale)
    if shape.short_side < size:
        raise UserError(
            f"frames scaled to {scale} are too small for crops of {size} x {size}",
            f"set `scale` to at least {size} in the recipe or by --set scale={height}",
        )
    return shape


def training_clips(
    videos: Sequence[Video], shape: ClipShape, recipe: SearchRecipe | RetrainRecipe, epoch: int, faults: FaultLog
) -> Batches:
    """One pass over the videos: a clip of each, in an order and with crops given by (seed, epoch) alone."""
    return clip_loader(
        videos,
        frames=shape.frames,
        size=shape.size,
        frame_stride=shape.frame_stride,
        scale=shape.scale,
        flip=recipe.flip,
        batch=recipe.batch,
        workers=recipe.workers,
        seed=recipe.seed,
        epoch=epoch,
        faults=faults,
        shuffle=True,
        drop_last=len(videos) >= recipe.batch,
    )


def views(
    videos: Sequence[Video], shape: ClipShape, recipe: SearchRecipe | RetrainRecipe | EvaluateRecipe, faults: FaultLog
) -> Iterable[tuple[Tensor, Tensor, Tensor]]:
    """Batches of (views (B, 3, T, H, W), labels (B,), video numbers (B,)): clips evenly over each video times crops."""
    return view_loader(
        videos,
        frames=shape.frames,
        size=shape.size,
        frame_stride=shape.frame_stride,
        short_side=shape.short_side,
        clips=recipe.clips,
        crops=recipe.crops,
        batch=recipe.batch,
        workers=recipe.workers,
        faults=faults,
    )
