"""What a pool keeps book of, against an executor that does as it is told and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from vnasdsl.search.pool import Pool, Result
from vnasdsl.search.pool.executor import Begun, Done, Event, Failed, Function
from vnasdsl.search.pool.pool import START_SECONDS


def function(payload: Any) -> Any:
    return payload


@dataclass
class Scripted:
    """Hands over one list of events per wait; what runs out of script is a fault of the test."""

    capacity: int
    script: list[Callable[[], list[Event]]] = field(default_factory=list)
    started: list[tuple[int, Any]] = field(default_factory=list)
    abandoned: list[int] = field(default_factory=list)
    waits: list[float | None] = field(default_factory=list)
    closed: bool = False

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        self.started.append((ticket, payload))

    def wait(self, seconds: float | None) -> list[Event]:
        self.waits.append(seconds)
        return self.script.pop(0)()

    def abandon(self, ticket: int) -> None:
        self.abandoned.append(ticket)

    def close(self) -> None:
        self.closed = True

    def then(self, *events: Event) -> None:
        self.script.append(lambda: list(events))


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now

    def at(self, now: float) -> list[Event]:
        self.now = now
        return []


def test_only_as_many_run_as_there_is_room_for() -> None:
    executor = Scripted(2)
    with Pool(executor, None) as pool:
        assert (pool.capacity, pool.free, pool.pending) == (2, 2, 0)
        for key in "abc":
            pool.submit(key, function, key.upper())
        assert executor.started == [(1, "A"), (2, "B")]
        assert (pool.free, pool.pending) == (0, 3)
        executor.then(Done(2, "b!"), Done(1, "a!"))
        assert pool.next() == Result("b", "b!", None, 1)  # in the order they end
        assert executor.started[2:] == [(3, "C")]
        assert pool.next() == Result("a", "a!", None, 1)
        assert (pool.free, pool.pending) == (1, 1)
        executor.then()
        executor.then(Done(3, "c!"))
        assert pool.next() == Result("c", "c!", None, 1)
        assert (pool.free, pool.pending) == (2, 0)
        assert not executor.closed
    assert executor.closed


def test_an_attempt_that_fails_is_made_again_before_what_waits() -> None:
    executor = Scripted(1)
    pool = Pool(executor, None)
    pool.submit("a", function, 1)
    pool.submit("b", function, 2)
    executor.then(Failed(1, "first"))
    executor.then(Failed(2, "second"))
    executor.then(Done(3, "at last"))
    assert pool.next() == Result("a", "at last", None, 3)
    assert executor.started == [(1, 1), (2, 1), (3, 1), (4, 2)]


def test_the_third_failure_is_the_last_and_the_pool_goes_on() -> None:
    executor = Scripted(1)
    pool = Pool(executor, None)
    pool.submit("a", function, 1)
    pool.submit("b", function, 2)
    for ticket in (1, 2, 3):
        executor.then(Failed(ticket, f"fault {ticket}"))
    assert pool.next() == Result("a", None, "fault 3", 3)
    executor.then(Done(4, 2))
    assert pool.next() == Result("b", 2, None, 1)


def test_the_time_of_an_attempt_counts_from_its_beginning() -> None:
    executor, clock = Scripted(1), Clock()
    pool = Pool(executor, 10.0, clock)
    pool.submit("a", function, 1)
    executor.script += [lambda: clock.at(130.0) or [Begun(1)], lambda: clock.at(139.0), lambda: clock.at(140.0)]
    executor.then(Done(2, "in time"))
    assert pool.next() == Result("a", "in time", None, 2)
    assert executor.abandoned == [1]
    # Until it begins, a worker may take longer; then what is left of the ten seconds.
    assert executor.waits == [START_SECONDS + 10.0, 10.0, 1.0, START_SECONDS + 10.0]


def test_what_never_comes_is_given_up() -> None:
    executor, clock = Scripted(1), Clock()
    pool = Pool(executor, 2.5, clock)
    pool.submit("a", function, 1)
    for ticket in (1, 2, 3):
        executor.then(Begun(ticket))
        executor.script.append(lambda: clock.at(clock.now + 2.5))
    assert pool.next() == Result("a", None, "there was no result within 2.5 s", 3)
    assert executor.abandoned == [1, 2, 3]


def test_without_a_limit_there_is_no_hurry() -> None:
    executor = Scripted(1)
    pool = Pool(executor, None)
    pool.submit("a", function, 1)
    executor.then(Begun(1))
    executor.then(Done(1, None))
    assert pool.next() == Result("a", None, None, 1)
    assert executor.waits == [None, None]


def test_keys_are_used_once_at_a_time() -> None:
    executor = Scripted(1)
    pool = Pool(executor, None)
    pool.submit("a", function, 1)
    with pytest.raises(ValueError, match="there is a trial 'a' already"):
        pool.submit("a", function, 2)
    executor.then(Done(1, 1))
    pool.next()
    pool.submit("a", function, 2)
    assert executor.started == [(1, 1), (2, 2)]


def test_nothing_to_wait_for_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no trial to wait for"):
        Pool(Scripted(1), None).next()


def test_leaving_by_an_interruption_ends_what_runs() -> None:
    executor = Scripted(1)

    def interrupt() -> list[Event]:
        raise KeyboardInterrupt

    executor.script.append(interrupt)
    with pytest.raises(KeyboardInterrupt), Pool(executor, None) as pool:
        pool.submit("a", function, 1)
        pool.next()
    assert executor.closed
