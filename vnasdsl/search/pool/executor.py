"""What a pool asks of the place where trials run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

Function = Callable[[Any], Any]
"""A function at the top level of a module that every worker can import; it takes and gives plain data."""


@dataclass(frozen=True)
class Begun:
    """The worker of a call is up and has begun: the time of the attempt counts from here."""

    ticket: int


@dataclass(frozen=True)
class Done:
    ticket: int
    value: Any


@dataclass(frozen=True)
class Failed:
    """The function raised, or its worker is gone; `reason` is text for people, of a few lines."""

    ticket: int
    reason: str


Event = Begun | Done | Failed


class Executor(Protocol):
    """Runs one call per worker. A worker whose call failed is never used again: nobody knows what state it is in."""

    capacity: int

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        """Begin a call; the pool never has more than `capacity` begun at a time."""

    def wait(self, seconds: float | None) -> list[Event]:
        """What happened, waiting up to `seconds` (None: until something does). Raises: UserError without workers."""

    def abandon(self, ticket: int) -> None:
        """End a call and its worker at once; it causes no event any more."""

    def close(self) -> None:
        """End all calls and workers at once. May be called twice."""
