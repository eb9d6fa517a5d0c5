"""What a search has learnt of a space, as a picture shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Learnt:
    """What a search has learnt, in plain numbers."""

    source: str
    """The run, as it is named in the picture; empty in the folder of the run."""
    path_weights: Mapping[str, Sequence[Sequence[float]]]
    """By stage: a row per candidate of the stage before, a column per candidate."""
    mixture_weights: Mapping[str, Sequence[float]]
    path: tuple[int, ...]
    """The most probable path: the index of the candidate in every stage."""
    choices: Mapping[str, str]
    """What was taken in every choice."""
