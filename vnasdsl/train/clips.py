"""From videos and a recipe to batches: what the loaders take from the input of a network and from the recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import torch
from torch import Tensor

from vnasdsl.data import ClipShape, FaultLog, Video, examine
from vnasdsl.data.augment import Augment
from vnasdsl.data.clips import ClipLoader, ViewLoader
from vnasdsl.data.loader import Share
from vnasdsl.data.sampling import generator_for
from vnasdsl.data.streams import require_streams
from vnasdsl.elaborate.inputs import Inputs
from vnasdsl.language.diagnostics import UserError
from vnasdsl.train import ranks
from vnasdsl.train.inputs import largest, streams_of
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import Recipe, TrainingRecipe
from vnasdsl.train.targets import Targets, mixed
from vnasdsl.train.waiting import WAITING

# The paper scales frames to 256 x 342 for crops of 224.
_PAPER_SIZE, _PAPER_SCALE = 224, (256, 342)
CPU = torch.device("cpu")
_MANY = 500
"""Looking into more videos takes a while."""


def clip_shape(inputs: Inputs, recipe: Recipe) -> ClipShape:
    """The clips of a network under a recipe. Raises: UserError when crops are larger than the scaled frames, and for
    inputs that videos cannot give."""
    video = largest(inputs)
    rows, columns = video.area
    size = max(rows, columns * _PAPER_SCALE[0] / _PAPER_SCALE[1])  # of the square that scales to frames as large
    height, width = (round(side * size / _PAPER_SIZE) for side in _PAPER_SCALE)
    scale = recipe.scale or (height, width)
    room = (scale, scale) if isinstance(scale, int) else scale
    if room[0] < rows or room[1] < columns:
        least = max(rows, columns)
        raise UserError(
            f"frames scaled to {scale} are too small for crops of {rows} x {columns}",
            f"set `scale` to at least {least} in the recipe, or pass --set scale={max(height, least)}",
        )
    return ClipShape(
        video.frames, video.size, recipe.frame_stride or video.frame_stride, video.segments, scale, streams_of(inputs)
    )


def fault_log(reporter: Reporter, recipe: Recipe) -> FaultLog:
    """Warns of unreadable videos as they are met; more than the recipe allows end the run."""
    return FaultLog(recipe.unreadable, reporter.warn)


def require_readable(videos: Sequence[Video], recipe: Recipe, faults: FaultLog, reporter: Reporter) -> None:
    """Look into videos before any is used. Raises: UserError that names all that are unreadable, if too many are."""
    if ranks.is_first():
        if len(videos) > _MANY:
            reporter.note(f"looking into {min(len(videos), examine.MOST_LOOKED_INTO)} videos")
        examine.require_readable(videos, faults, recipe.workers)


def report_faults(faults: FaultLog, reporter: Reporter) -> None:
    """Say at the end of a run how many videos were skipped, if any were."""
    if faults.files:
        reporter.warn(f"{len(faults.files)} of {faults.total} videos were unreadable and skipped")


class SharedLoader:
    """A loader whose batches the ranks of a training share out; what one of them cannot read, all know of."""

    def __init__(
        self, loader: ClipLoader | ViewLoader, targets: Targets | None = None, recipe: TrainingRecipe | None = None
    ):
        """targets: from the labels of training clips; recipe: says how these are mixed."""
        self.loader, self.targets, self.recipe = loader, targets, recipe
        self.close = loader.close

    def __call__(self, number: int) -> SharedLoader:
        self.loader.epoch = number
        return self

    def plain(self, number: int) -> Iterator[Any]:
        """A pass over training clips that are neither augmented nor mixed."""
        assert isinstance(self.loader, ClipLoader)
        before = self.recipe, self.loader.plain
        self.recipe, self.loader.plain = None, True
        try:
            yield from self(number)
        finally:
            self.recipe, self.loader.plain = before

    def __len__(self) -> int:
        self.loader.share = Share(ranks.rank(), ranks.count())
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        """Batches of clips that one rank could not read at all are passed over by all: they step together."""
        self.loader.share = Share(ranks.rank(), ranks.count())
        seen, numbers = False, count()
        for batch in WAITING.over(self.loader):
            if self.targets is None:
                seen = seen or len(batch[1]) > 0
                yield batch
            elif ranks.least(len(batch[1])):
                seen = True
                yield self._mixed(batch[0], batch[1], next(numbers))
        for files in ranks.gather(self.loader.faults.files):
            for path, reason in files.items():
                self.loader.faults.add(path, reason)
        self.loader.faults.require_some(any(ranks.gather(seen)))

    def _mixed(self, clips: Tensor, labels: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """A training batch with its targets; number: of the batch in its pass."""
        assert self.targets is not None
        recipe = self.recipe
        if recipe is None or not (recipe.mixup or recipe.cutmix):
            return clips, self.targets(labels)
        draw = generator_for(recipe.seed, self.loader.epoch, number, ranks.rank(), 2)
        return mixed(clips, self.targets(labels, soft=True), recipe, draw)


def training_clips(
    videos: Sequence[Video],
    shape: ClipShape,
    recipe: TrainingRecipe,
    faults: FaultLog,
    device: torch.device = CPU,
    altered: bool = True,
) -> SharedLoader:
    """Called with the number of a pass: its batches of clips on the device, given by (seed, number) alone.

    altered: augmented and mixed as the recipe says.
    """
    require_streams(videos, shape.streams)
    if len(videos) < ranks.count():
        raise UserError(f"{len(videos)} videos cannot be shared out among {ranks.count()} devices")
    loader = ClipLoader(
        videos,
        shape,
        batch=recipe.batch,
        workers=recipe.workers,
        seed=recipe.seed,
        flip=recipe.flip,
        drop_last=len(videos) >= recipe.batch * ranks.count(),
        faults=faults,
        augment=Augment(recipe.colour, recipe.rand_augment) if altered else Augment(),
        device=device,
    )
    targets = Targets([video.label for video in videos], recipe, any(video.labels for video in videos))
    return SharedLoader(loader, targets, recipe if altered else None)


def evaluation_views(
    videos: Sequence[Video], shape: ClipShape, recipe: Recipe, faults: FaultLog, device: torch.device = CPU
) -> SharedLoader:
    """Views of every video, the same in every pass; crops come from frames with the aspect ratio kept."""
    require_streams(videos, shape.streams)
    loader = ViewLoader(
        videos,
        replace(shape, scale=shape.short_side),
        clips=recipe.clips,
        crops=recipe.crops,
        batch=recipe.batch,
        workers=recipe.workers,
        faults=faults,
        device=device,
    )
    return SharedLoader(loader)
