"""Keeping track of trials: what waits, what runs, what is tried again. The same wherever they run."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol

from vnasdsl.searching.pool.workers import Ended, Function, last_lines

ATTEMPTS = 3
"""A trial that fails this often is given up."""


class Executor(Protocol):
    """Where calls run, one per worker."""

    capacity: int

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        """Begin a call; the pool never has more than `capacity` running."""

    def wait(self) -> list[Ended]:
        """The calls that ended, waiting for one if need be. Raises: UserError when workers do not start."""

    def close(self) -> None:
        """End all calls and workers at once. May be called twice."""


@dataclass(frozen=True)
class Result:
    """How a trial ended: with a value, or with the text of its last error (then `value` is None)."""

    key: Hashable
    value: Any
    error: str | None
    attempts: int


@dataclass(frozen=True)
class _Trial:
    key: Hashable
    function: Function
    payload: Any
    attempt: int = 1


class Pool:
    """Runs trials, each a call of a function with plain data, and returns their results as they end.

    An attempt that raises, loses its worker or takes too long is repeated with a new worker, three attempts in all.
    Use it as a context manager: when it is left, also by Ctrl-C, whatever still runs is ended at once.
    """

    def __init__(self, executor: Executor):
        self._executor = executor
        self._waiting: deque[_Trial] = deque()
        self._running: dict[int, _Trial] = {}
        self._results: deque[Result] = deque()
        self._keys: set[Hashable] = set()
        self._tickets = 0

    @property
    def capacity(self) -> int:
        """How many trials can run at the same time."""
        return self._executor.capacity

    @property
    def free(self) -> int:
        """How many more trials can be submitted without having to wait for a worker."""
        return max(0, self.capacity - len(self._running) - len(self._waiting))

    @property
    def pending(self) -> int:
        """How many results are still to be taken with `next`."""
        return len(self._keys)

    def submit(self, key: Hashable, function: Function, payload: Any) -> None:
        """Have `function(payload)` run. Raises: ValueError when a trial with this key is pending."""
        if key in self._keys:
            raise ValueError(f"there is already a trial {key!r}")
        self._keys.add(key)
        self._waiting.append(_Trial(key, function, payload))
        self._dispatch()

    def next(self, among: Collection[Hashable] | None = None) -> Result:
        """The next trial that ends, waiting for it; among: keys, if others are not meant. Raises: ValueError when none
        is pending; UserError when workers do not start or the cluster is gone."""
        meant = self._keys if among is None else self._keys.intersection(among)
        if not meant:
            raise ValueError("there is no trial to wait for")
        while (result := next((result for result in self._results if result.key in meant), None)) is None:
            self._dispatch()
            for ended in self._executor.wait():
                self._take(ended)
        self._results.remove(result)
        self._keys.remove(result.key)
        self._dispatch()
        return result

    def close(self) -> None:
        """End whatever runs, at once, and all workers."""
        self._executor.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _dispatch(self) -> None:
        while self._waiting and len(self._running) < self.capacity:
            trial = self._waiting.popleft()
            self._tickets += 1
            self._running[self._tickets] = trial
            self._executor.start(self._tickets, trial.function, trial.payload)

    def _take(self, ended: Ended) -> None:
        trial = self._running.pop(ended.ticket)
        if ended.error is not None and trial.attempt < ATTEMPTS:
            # To the front: a trial that is repeated keeps its place before those that have not begun.
            self._waiting.appendleft(replace(trial, attempt=trial.attempt + 1))
        else:
            self._results.append(Result(trial.key, ended.value, ended.error, trial.attempt))


class Inline:
    """An `Executor` in this process: a call runs when its result is waited for, without a time limit."""

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
