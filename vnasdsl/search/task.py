"""What a strategy is given, and what it hands back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from vnasdsl.data import FaultLog, Video
from vnasdsl.train.progress import Reporter
from vnasdsl.train.recipes import SearchRecipe
from vnasdsl.train.run_folder import RunFolder

if TYPE_CHECKING:
    from vnasdsl.elaborate import Space
    from vnasdsl.train.clips import ClipShape


@dataclass(frozen=True)
class Parts:
    """The training videos in three disjoint parts, divided by video."""

    train: tuple[Video, ...]
    """Trains weights."""
    validate: tuple[Video, ...]
    """Trains choices."""
    inference: tuple[Video, ...]
    """Scores what was decoded; trains nothing."""


@dataclass(frozen=True)
class SearchTask:
    """Everything a search needs. A strategy writes only into `run`."""

    space: Space
    source_name: str
    """The file of the space as the user named it; it stands in the header of generated code."""
    recipe: SearchRecipe
    parts: Parts
    classes: tuple[str, ...]
    shape: ClipShape
    run: RunFolder
    device: torch.device
    reporter: Reporter
    faults: FaultLog
    resume: bool = False


@dataclass(frozen=True)
class SearchResult:
    """The network a strategy ends with."""

    choices: dict[str, str]
    """Choice name to option text."""
    weights: dict[str, Tensor]
    """By the network's own state-dict names; empty when the strategy trains no shared weights."""
    score: dict[str, Any] | None
    """`Evaluation.as_dict()` on the inference part; None when there is none."""
    report: dict[str, Any] = field(default_factory=dict)
    """For report.json; the strategy's own facts."""
    text: tuple[str, ...] = ()
    """The same for people, line by line."""
    trained_as: str = "the supernet"
    """Whose weights these are, in words."""


class Strategy(Protocol):
    """A way to search. One file in `search/strategies/` each, with an instance named `strategy`."""

    name: str
    takes: str
    """Which choices it can take, in words."""

    def check(self, space: Space, recipe: SearchRecipe) -> None:
        """Before anything is written. Raises: VnsError at the line of a choice it cannot take; UserError."""
        ...

    def search(self, task: SearchTask) -> SearchResult:
        """Search, leaving checkpoints in the run, or go on with one."""
        ...

    def derive(self, task: SearchTask, checkpoint: str) -> SearchResult:
        """Decode a checkpoint ("last", "best", or a name) of a run again."""
        ...

    def pictures(self, task: SearchTask) -> Iterator[tuple[str, bytes]]:
        """(file name, PNG) of everything worth seeing in the run."""
        ...
