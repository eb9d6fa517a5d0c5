"""What a pool keeps track of, against an executor that follows a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from vnasdsl.searching.pool import Function, Pool, Result
from vnasdsl.searching.pool.workers import Ended


def function(payload: Any) -> Any:
    return payload


@dataclass
class Scripted:
    """Returns one entry of the script for each wait."""

    capacity: int
    script: list[Callable[[], list[Ended]]] = field(default_factory=list)
    started: list[tuple[int, Any]] = field(default_factory=list)
    closed: bool = False

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        self.started.append((ticket, payload))

    def wait(self) -> list[Ended]:
        return self.script.pop(0)()

    def close(self) -> None:
        self.closed = True

    def then(self, *ended: Ended) -> None:
        self.script.append(lambda: list(ended))


def test_only_as_many_run_as_there_is_room_for() -> None:
    executor = Scripted(2)
    with Pool(executor) as pool:
        assert (pool.capacity, pool.free, pool.pending) == (2, 2, 0)
        for key in "abc":
            pool.submit(key, function, key.upper())
        assert executor.started == [(1, "A"), (2, "B")]
        assert (pool.free, pool.pending) == (0, 3)
        executor.then(Ended(2, "b!"), Ended(1, "a!"))
        assert pool.next() == Result("b", "b!", None, 1)  # in the order they end
        assert executor.started[2:] == [(3, "C")]
        assert pool.next() == Result("a", "a!", None, 1)
        assert (pool.free, pool.pending) == (1, 1)
        executor.then()
        executor.then(Ended(3, "c!"))
        assert pool.next() == Result("c", "c!", None, 1)
        assert (pool.free, pool.pending) == (2, 0)
        assert not executor.closed
    assert executor.closed


def test_some_trials_are_waited_for_and_others_keep_their_results() -> None:
    executor = Scripted(2)
    with Pool(executor) as pool:
        for key in "abc":
            pool.submit(key, function, key)
        executor.then(Ended(1, "a!"))
        executor.then(Ended(2, "b!"))
        executor.then(Ended(3, "c!"))
        assert pool.next({"b", "c"}).key == "b"
        assert pool.next("c").key == "c"
        with pytest.raises(ValueError, match="no trial"):
            pool.next("bc")
        assert (pool.pending, pool.next().key, pool.pending) == (1, "a", 0)


def test_an_attempt_that_fails_is_made_again_before_what_waits() -> None:
    executor = Scripted(1)
    pool = Pool(executor)
    pool.submit("a", function, 1)
    pool.submit("b", function, 2)
    executor.then(Ended(1, error="first"))
    executor.then(Ended(2, error="second"))
    executor.then(Ended(3, "at last"))
    assert pool.next() == Result("a", "at last", None, 3)
    assert executor.started == [(1, 1), (2, 1), (3, 1), (4, 2)]


def test_the_third_failure_is_the_last_and_the_pool_goes_on() -> None:
    executor = Scripted(1)
    pool = Pool(executor)
    pool.submit("a", function, 1)
    pool.submit("b", function, 2)
    for ticket in (1, 2, 3):
        executor.then(Ended(ticket, error=f"fault {ticket}"))
    assert pool.next() == Result("a", None, "fault 3", 3)
    executor.then(Ended(4, 2))
    assert pool.next() == Result("b", 2, None, 1)


def test_keys_are_used_once_at_a_time() -> None:
    executor = Scripted(1)
    pool = Pool(executor)
    pool.submit("a", function, 1)
    with pytest.raises(ValueError, match="there is already a trial 'a'"):
        pool.submit("a", function, 2)
    executor.then(Ended(1, 1))
    pool.next()
    pool.submit("a", function, 2)
    assert executor.started == [(1, 1), (2, 2)]


def test_nothing_to_wait_for_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no trial to wait for"):
        Pool(Scripted(1)).next()


def test_leaving_by_an_interruption_ends_what_runs() -> None:
    executor = Scripted(1)

    def interrupt() -> list[Ended]:
        raise KeyboardInterrupt

    executor.script.append(interrupt)
    with pytest.raises(KeyboardInterrupt), Pool(executor) as pool:
        pool.submit("a", function, 1)
        pool.next()
    assert executor.closed
