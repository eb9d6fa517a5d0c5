"""The book-keeping of trials: what waits, what runs, what is tried again. The same wherever they run."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from vnasdsl.search.pool.executor import Begun, Done, Event, Executor, Failed, Function

ATTEMPTS = 3
"""A trial that fails so often is given up."""
START_SECONDS = 300.0
"""How long a worker may take until it begins, where attempts have a time limit."""


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
    """Runs trials, each a call of a function with plain data, and hands their results over as they end.

    An attempt fails when the function raises, when its worker dies, and when it takes longer than `timeout` seconds.
    It is then made again with a new worker, up to three attempts; the pool goes on in any case. Use it as a context
    manager: when it is left, also by Ctrl-C, whatever still runs is ended at once.
    """

    def __init__(self, executor: Executor, timeout: float | None, clock: Callable[[], float] = time.monotonic):
        self._executor = executor
        self._timeout = timeout
        self._clock = clock
        self._waiting: deque[_Trial] = deque()
        self._running: dict[int, _Trial] = {}
        self._deadlines: dict[int, float] = {}
        self._ended: deque[Result] = deque()
        self._keys: set[Hashable] = set()
        self._tickets = 0

    @property
    def capacity(self) -> int:
        """How many trials can run at the same time."""
        return self._executor.capacity

    @property
    def free(self) -> int:
        """How many more trials can be submitted that do not have to wait for a worker."""
        return max(0, self.capacity - len(self._running) - len(self._waiting))

    @property
    def pending(self) -> int:
        """How many results are still to be taken by `next`."""
        return len(self._keys)

    def submit(self, key: Hashable, function: Function, payload: Any) -> None:
        """Have `function(payload)` run. `function` stands at the top level of a module; `payload` and what it gives
        are plain data. Raises: ValueError when the key is that of a trial whose result has not been taken."""
        if key in self._keys:
            raise ValueError(f"there is a trial {key!r} already")
        self._keys.add(key)
        self._waiting.append(_Trial(key, function, payload))
        self._dispatch()

    def next(self) -> Result:
        """The next trial that ends, waiting for it. Raises: ValueError when there is none to wait for; UserError when
        workers do not start or the cluster is gone."""
        if not self._keys:
            raise ValueError("there is no trial to wait for")
        while not self._ended:
            self._dispatch()
            for event in self._executor.wait(self._patience()):
                self._take(event)
            self._expire()
        result = self._ended.popleft()
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
            if self._timeout is not None:
                self._deadlines[self._tickets] = self._clock() + START_SECONDS + self._timeout
            self._executor.start(self._tickets, trial.function, trial.payload)

    def _take(self, event: Event) -> None:
        if event.ticket not in self._running:
            return
        match event:
            case Begun(ticket):
                if self._timeout is not None:
                    self._deadlines[ticket] = self._clock() + self._timeout
            case Done(ticket, value):
                trial = self._drop(ticket)
                self._ended.append(Result(trial.key, value, None, trial.attempt))
            case Failed(ticket, reason):
                self._fail(self._drop(ticket), reason)

    def _expire(self) -> None:
        now = self._clock()
        for ticket in [ticket for ticket, deadline in self._deadlines.items() if deadline <= now]:
            self._executor.abandon(ticket)
            self._fail(self._drop(ticket), f"there was no result within {self._timeout:g} s")

    def _patience(self) -> float | None:
        return max(0.0, min(self._deadlines.values()) - self._clock()) if self._deadlines else None

    def _drop(self, ticket: int) -> _Trial:
        self._deadlines.pop(ticket, None)
        return self._running.pop(ticket)

    def _fail(self, trial: _Trial, reason: str) -> None:
        if trial.attempt < ATTEMPTS:
            # To the front: a trial that is tried again keeps its place before those that have not begun.
            self._waiting.appendleft(replace(trial, attempt=trial.attempt + 1))
        else:
            self._ended.append(Result(trial.key, None, reason, trial.attempt))
