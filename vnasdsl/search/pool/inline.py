"""Trials in this process, one after the other: the same order every time."""

from __future__ import annotations

from typing import Any

from vnasdsl.search.pool.executor import Done, Event, Failed, Function
from vnasdsl.search.pool.faults import last_lines


class Inline:
    """A call runs when its result is waited for. It cannot be abandoned, and its memory is that of this process."""

    capacity = 1

    def __init__(self, threads: int):
        import torch

        self._before = torch.get_num_threads()
        torch.set_num_threads(threads)
        self._call: tuple[int, Function, Any] | None = None

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        self._call = ticket, function, payload

    def wait(self, seconds: float | None) -> list[Event]:
        if self._call is None:
            return []
        ticket, function, payload = self._call
        self._call = None
        try:
            return [Done(ticket, function(payload))]
        except (Exception, SystemExit) as problem:
            return [Failed(ticket, last_lines(problem))]

    def abandon(self, ticket: int) -> None:
        self._call = None

    def close(self) -> None:
        import torch

        self._call = None
        torch.set_num_threads(self._before)
