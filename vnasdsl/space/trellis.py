"""The trellis of a space: stages with alternative states, and inside each state the mixtures that keep the shape.

A choice that changes the shape makes the states of its stage, joined to those of the next by path weights; a choice
that keeps the shape is a mixture of the states it stands in (Zhou et al. 2021). No torch.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mixture:
    """A shape-keeping choice as it stands in one state."""

    name: str
    """Unique in the trellis: `s3[channels=72].stack[0].op`."""
    choice: str
    """The choice of the space: `s3.stack[0].op`."""
    options: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """One way a stage may take in its shape-changing choices."""

    label: str
    """`channels=72`; empty where the stage has no such choice."""
    choices: tuple[tuple[str, str], ...]
    """(choice, option) of every shape-changing choice: `(("s3.head.channels", "72"),)`."""
    mixtures: tuple[Mixture, ...]


@dataclass(frozen=True)
class Stage:
    """A column of the trellis."""

    name: str
    states: tuple[State, ...]


@dataclass(frozen=True)
class Trellis:
    """All stages, first to last; what follows the last stage (the classifier) is none of them."""

    stages: tuple[Stage, ...]
