"""Trials in this process, one after the other: the same order every time."""

from __future__ import annotations

from typing import Any

from vnasdsl.search.pool.pool import Ended, Function
from vnasdsl.search.pool.worker import last_lines


class Inline:
    """An `Executor`: a call runs when its result is waited for, without a time limit."""

    capacity = 1

    def __init__(self, threads: int):
        import torch

        self._before = torch.get_num_threads()
        torch.set_num_threads(threads)
        self._call: tuple[int, Function, Any] | None = None

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        self._call = ticket, function, payload

    def wait(self) -> list[Ended]:
        assert self._call is not None
        (ticket, function, payload), self._call = self._call, None
        try:
            return [Ended(ticket, function(payload))]
        except (Exception, SystemExit) as problem:
            return [Ended(ticket, error=last_lines(problem))]

    def close(self) -> None:
        import torch

        self._call = None
        torch.set_num_threads(self._before)
