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
from vnasdsl.searching.pool.worker import answer, pack


class RayError(Exception):
    pass


class ActorDiedError(RayError):
    pass


Reference = Callable[[], Any]


@dataclass(eq=False)
class Method:
    """A method of an actor: what a call of it will give."""

    result: Callable[..., Any]

    def remote(self, *arguments: Any) -> Reference:
        return lambda: self.result(*arguments)


@dataclass(eq=False)
class Handle:
    ready: Method
    answer: Method = field(default_factory=lambda: Method(answer))


@dataclass
class Ray:
    """Every reference that is waited for is done at once."""

    connected: bool = True
    killed: list[Handle] = field(default_factory=list)

    class exceptions:  # noqa: N801 as Ray names it
        RayError = RayError
        ActorDiedError = ActorDiedError

    def wait(self, references: list[Reference], **_: Any) -> tuple[list[Reference], list[Reference]]:
        if not self.connected:
            raise ConnectionError("the client has already disconnected")
        return references[:1], references[1:]

    def get(self, reference: Reference) -> Any:
        return reference()

    def is_initialized(self) -> bool:
        return self.connected

    def kill(self, handle: Handle, no_restart: bool) -> None:
        assert no_restart
        self.killed.append(handle)

    def shutdown(self) -> None:
        self.connected = False


def pool_of(ray: Ray, *ready: Callable[[], Any]) -> tuple[Pool, list[Handle]]:
    """A pool with one worker, and all workers there will have been; `ready` is what each says, the last for ever."""
    handles: list[Handle] = []

    class Actor:
        @staticmethod
        def remote() -> Handle:
            handles.append(Handle(Method(ready[min(len(handles), len(ready) - 1)])))
            return handles[-1]

    return Pool(Cluster(ray, 1, Actor, ())), handles  # type: ignore[arg-type]


def well() -> bytes:
    return pack(("ready", __version__))


def dead() -> Any:
    raise ActorDiedError("The actor died.\n\tclass_name: Actor")


def test_a_worker_that_works() -> None:
    ray = Ray()
    pool, handles = pool_of(ray, well)
    with pool:
        pool.submit("a", abs, -3)
        assert pool.next() == Result("a", 3, None, 1)
    assert ray.killed == handles and len(handles) == 1 and not ray.connected


def test_a_worker_that_fails_is_replaced() -> None:
    ray = Ray()
    pool, handles = pool_of(ray, well)
    pool.submit("a", len, 3)
    result = pool.next()
    assert result.attempts == 3 and result.error is not None and result.error.startswith("TypeError: ")
    assert len(handles) == 4 and ray.killed == handles[:3]


def test_two_false_starts_are_forgiven() -> None:
    pool, _ = pool_of(Ray(), dead, dead, well)
    pool.submit("a", abs, -3)
    assert pool.next() == Result("a", 3, None, 3)


def test_workers_that_do_not_start_end_the_run() -> None:
    pool, handles = pool_of(Ray(), dead)
    with pytest.raises(UserError, match=r"workers do not start; the last of 3 ended unexpectedly: The actor died\.$"):
        pool.submit("a", abs, -3)
        pool.next()
    assert len(handles) == 4


def test_another_version_of_vnasdsl_on_the_cluster() -> None:
    pool, _ = pool_of(Ray(), lambda: pack(("ready", "0.0.1")))
    pool.submit("a", abs, -3)
    with pytest.raises(UserError, match=rf"has vnasdsl 0\.0\.1, and this is vnasdsl {__version__}$"):
        pool.next()


def test_a_worker_that_is_unfit_says_why() -> None:
    pool, _ = pool_of(Ray(), lambda: pack(("unfit", ("too little memory", "give it more"))))
    pool.submit("a", abs, -3)
    with pytest.raises(UserError, match="too little memory") as raised:
        pool.next()
    assert raised.value.help == "give it more"


def test_a_lost_connection_ends_the_run_and_starts_nothing() -> None:
    ray = Ray()
    pool, handles = pool_of(ray, well)
    pool.submit("a", abs, -3)
    ray.connected = False
    with pytest.raises(UserError, match="the connection to the Ray cluster is lost"), pool:
        pool.next()
    # Ray would start a cluster of its own for whoever asks it to end an actor then.
    assert len(handles) == 1 and ray.killed == []
