"""What a strategy is given, and what it returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from vnasdsl.data import ClipShape, DataSet, FaultLog, Video, three_way_split
from vnasdsl.data.streams import require_streams
from vnasdsl.elaborate import Space
from vnasdsl.searching.pool import Pool
from vnasdsl.train.clips import clip_shape, fault_log
from vnasdsl.train.evaluation import Evaluation
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import SearchRecipe
from vnasdsl.train.run_folder import RunFolder

R = TypeVar("R", bound=SearchRecipe)


@dataclass(frozen=True)
class Parts:
    """The training videos in three disjoint parts, divided by video."""

    train: tuple[Video, ...]
    """Trains weights."""
    validate: tuple[Video, ...]
    """Trains choices, or scores the networks that are trained."""
    inference: tuple[Video, ...]
    """Scores the result; trains nothing and decides nothing."""

    @classmethod
    def of(cls, data: DataSet, recipe: SearchRecipe) -> Parts:
        """Given by the recipe alone, so the same wherever a trial runs; empty where the data have no videos.

        Raises: UserError for too few videos.
        """
        if not data.train:
            return cls((), (), ())
        return cls(*three_way_split(data.train, recipe.split, recipe.seed))


@dataclass(frozen=True)
class SearchTask(Generic[R]):
    """Everything a search needs. A strategy writes only into `run`."""

    space: Space
    recipe: R
    data: DataSet
    parts: Parts
    shape: ClipShape
    run: RunFolder
    device: torch.device
    reporter: Reporter
    faults: FaultLog
    resume: bool
    pool: Pool | None = None
    """Where finalists are trained; None: in a pool that is made for them."""

    @classmethod
    def of(
        cls,
        space: Space,
        recipe: R,
        data: DataSet,
        run: RunFolder,
        device: torch.device,
        reporter: Reporter,
        resume: bool = False,
        pool: Pool | None = None,
    ) -> SearchTask[R]:
        """Raises: UserError when the recipe does not fit the videos."""
        parts, shape, faults = (
            Parts.of(data, recipe),
            clip_shape(space.inputs.given, recipe),
            fault_log(reporter, recipe),
        )
        require_streams(data.train, shape.streams)
        return cls(space, recipe, data, parts, shape, run, device, reporter, faults, resume, pool)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.data.classes


@dataclass(frozen=True)
class SearchResult:
    """The network a strategy ends with."""

    choices: dict[str, str]
    """Choice name to option."""
    weights: dict[str, Tensor]
    """By the network's own state-dict names; empty when the strategy trains no shared weights."""
    score: Evaluation | None
    """On the inference part; None where it has no videos."""
    report: dict[str, Any] = field(default_factory=dict)
    """For report.json: the strategy's own facts."""
    lines: tuple[str, ...] = ()
    """The same for the terminal, line by line."""
    weights_from: str = "the supernet"
    """In words."""
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    """PNG by file name, beside those of the strategy."""


class Strategy(Protocol[R]):
    """A way to search. One file in `searching/strategies/` each, with an instance named `strategy`."""

    name: str

    def check(self, space: Space, recipe: R) -> None:
        """Before anything is written. Raises: VnsError at the line of a choice it cannot take; UserError."""
        ...

    def search(self, task: SearchTask[R]) -> SearchResult:
        """Search, leaving checkpoints in the run, or resume from one."""
        ...

    def derive(self, task: SearchTask[R], checkpoint: str) -> SearchResult:
        """Decode a checkpoint ("last", "best", or a name) of a run again."""
        ...

    def pictures(self, task: SearchTask[R]) -> Iterator[tuple[str, bytes]]:
        """(file name, PNG) of everything worth seeing in the run."""
        ...
