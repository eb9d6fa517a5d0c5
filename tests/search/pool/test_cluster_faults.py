"""What a Ray cluster may do to a pool, played by a stand-in for the module `ray`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from vnasdsl import __version__
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.pool import Pool, Result
from vnasdsl.searching.pool.cluster import Cluster


class RayError(Exception):
    pass


class WorkerCrashedError(RayError):
    pass


Reference = Callable[[], Any]


def dead(*_: Any) -> Any:
    raise WorkerCrashedError("The worker died unexpectedly while executing this task.")


@dataclass
class Ray:
    """Every reference that is waited for is done at once."""

    played: list[Callable[..., Any]] = field(default_factory=list)
    """What tasks do instead of what they should, one after the other."""
    connected: bool = True
    version: str = __version__
    """Of vnasdsl here."""
    cancelled: list[Reference] = field(default_factory=list)
    started: int = 0

    class exceptions:  # noqa: N801 as Ray names it
        RayError = RayError
        WorkerCrashedError = WorkerCrashedError

    def remote(self, function: Callable[..., Any]) -> Any:
        ray = self

        class Task:
            def options(self, **_: Any) -> Task:
                return self

            def remote(self, version: str, *arguments: Any) -> Reference:
                ray.started += 1
                made = ray.played.pop(0) if ray.played else function
                return lambda: made(ray.version, *arguments)

        return Task()

    def wait(self, references: list[Reference], **_: Any) -> tuple[list[Reference], list[Reference]]:
        if not self.connected:
            raise ConnectionError("the client has already disconnected")
        return references[:1], references[1:]

    def get(self, reference: Reference) -> Any:
        return reference()

    def is_initialized(self) -> bool:
        return self.connected

    def cancel(self, reference: Reference, force: bool) -> None:
        assert force
        self.cancelled.append(reference)

    def shutdown(self) -> None:
        self.connected = False


def pool_of(ray: Ray, timeout: float | None = None) -> Pool:
    """A pool with one worker."""
    return Pool(Cluster(ray, 1, {}, (1, None, timeout)))  # type: ignore[arg-type]


def test_a_worker_that_works() -> None:
    ray = Ray()
    with pool_of(ray) as pool:
        pool.submit("a", abs, -3)
        assert pool.next() == Result("a", 3, None, 1)
    assert not ray.cancelled and not ray.connected


def test_a_call_that_fails_is_made_again() -> None:
    ray = Ray()
    pool = pool_of(ray)
    pool.submit("a", len, 3)
    result = pool.next()
    assert result.attempts == 3 and result.error is not None and result.error.startswith("TypeError: ")
    assert ray.started == 3


def test_workers_that_die_cost_attempts() -> None:
    pool = pool_of(Ray([dead, dead]))
    pool.submit("a", abs, -3)
    assert pool.next() == Result("a", 3, None, 3)


def test_the_last_death_is_told() -> None:
    pool = pool_of(Ray([dead] * 3), timeout=5.0)
    pool.submit("a", abs, -3)
    error = "its worker ended unexpectedly: perhaps memory ran out, or there was no result within 5 s"
    assert pool.next() == Result("a", None, error, 3)


def test_another_version_of_vnasdsl_on_the_cluster() -> None:
    pool = pool_of(Ray(version="0.0.1"))
    pool.submit("a", abs, -3)
    with pytest.raises(UserError, match=rf"has vnasdsl {__version__}, and this is vnasdsl 0\.0\.1$"):
        pool.next()


def test_a_lost_connection_ends_the_run_and_starts_nothing() -> None:
    ray = Ray()
    pool = pool_of(ray)
    pool.submit("a", abs, -3)
    ray.connected = False
    with pytest.raises(UserError, match="the connection to the Ray cluster is lost"), pool:
        pool.next()
    # Ray would start a cluster of its own for whoever asks it to end a task then.
    assert ray.started == 1 and ray.cancelled == []


def test_what_runs_is_ended_with_the_pool() -> None:
    ray = Ray()
    with pool_of(ray) as pool:
        pool.submit("a", abs, -3)
    assert len(ray.cancelled) == 1
