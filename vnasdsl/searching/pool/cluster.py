"""Workers as actors of a Ray cluster, on this machine or on many. Needs the extra `ray`."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex
from types import ModuleType
from typing import Any

from vnasdsl import __version__
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.pool.worker import Message, answer, pack, settle, unpack
from vnasdsl.searching.pool.workers import Worker, Workers

_STORE_BYTES = 80 * 2**20  # trials exchange little; Ray asks for at least 75 MiB
_ANSWER_SECONDS = 5.0
_TOKEN = token_hex(32)


class Actor:
    """What Ray makes a process of: the same as a local worker."""

    def __init__(self, threads: int, memory: int | None):
        self._ready = settle(threads, memory)

    def ready(self) -> bytes:
        return pack(self._ready)

    def answer(self, message: bytes) -> bytes:
        return answer(message)


class RayWorker(Worker):
    """An actor, and the reference to the message that is awaited from it."""

    def __init__(self, ray: ModuleType, actor: Any, arguments: tuple[Any, ...]):
        super().__init__()
        self._ray, self._actor, self._arguments = ray, actor, arguments
        self._handle: Any = None
        self.awaited: Any = None
        self.problem: Exception | None = None

    def start(self) -> None:
        self._handle = self._actor.remote(*self._arguments)
        self.awaited = self._handle.ready.remote()

    def send(self, message: bytes) -> None:
        with _connected():
            self.awaited = self._handle.answer.remote(message)

    def end(self) -> str:
        # Without a connection Ray would start a cluster of its own to end the actor on.
        if self._handle is not None and self._ray.is_initialized():
            with suppress(Exception):  # it may be gone
                self._ray.kill(self._handle, no_restart=True)
        if isinstance(self.problem, self._ray.exceptions.ActorDiedError) and self.ready:
            return "ended unexpectedly: perhaps memory ran out"
        return f"ended unexpectedly: {summary(self.problem)}" if self.problem is not None else "was ended"


class Cluster(Workers):
    """`count` actors on the cluster that this process is connected to; `folder` is removed at the end."""

    def __init__(
        self,
        ray: ModuleType,
        count: int,
        actor: Any,
        arguments: tuple[Any, ...],
        timeout: float | None = None,
        folder: str | None = None,
    ):
        self._ray, self._actor, self._arguments, self._folder = ray, actor, arguments, folder
        super().__init__(count, timeout)

    def new_worker(self) -> RayWorker:
        return RayWorker(self._ray, self._actor, self._arguments)

    def receive(self, seconds: float | None) -> Iterator[tuple[Worker, Message | None]]:
        workers = {w.awaited: w for w in self.workers if isinstance(w, RayWorker) and w.awaited is not None}
        with _connected():
            done, _ = self._ray.wait(list(workers), num_returns=1, timeout=seconds)
        for worker in (workers[reference] for reference in done):
            yield worker, self._message(worker)

    def _message(self, worker: RayWorker) -> Message | None:
        reference, worker.awaited = worker.awaited, None
        try:
            with _connected():
                message: Message = unpack(self._ray.get(reference))
        except self._ray.exceptions.RayError as problem:
            worker.problem = problem
            return None
        if message[0] == "ready" and message[1] != __version__:
            raise UserError(f"the Ray cluster has vnasdsl {message[1]}, and this is vnasdsl {__version__}")
        return message

    def close(self) -> None:
        super().close()
        self._ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def _connected() -> Iterator[None]:
    try:
        yield
    except ConnectionError as problem:
        raise UserError("the connection to the Ray cluster is lost", "continue with --resume") from problem


def local_cluster(count: int, threads: int, memory: int | None, timeout: float | None) -> Cluster:
    """A cluster on this machine for `count` workers, started here and ended with the pool. Raises: UserError."""
    if "RAY_AUTH_MODE" not in os.environ:
        # The cluster asks for a token that lives as long as this process; Ray would keep one in the home folder.
        os.environ.setdefault("RAY_AUTH_TOKEN", _TOKEN)
    ray = _ray()
    # Nobody cleans up Ray's own temporary folder. The path is short because it holds sockets.
    folder = tempfile.mkdtemp(prefix="vnasdsl-ray-", dir="/tmp")
    try:
        with warnings.catch_warnings(action="ignore"):
            ray.init(
                address="local",
                num_cpus=count * threads,
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=False,
                object_store_memory=_STORE_BYTES,
                _temp_dir=folder,
            )
    except Exception as problem:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(f"the local Ray cluster does not start: {summary(problem)}") from problem
    actor = ray.remote(Actor).options(num_cpus=threads, max_restarts=0)
    return Cluster(ray, count, actor, (threads, memory), timeout, folder)


def _connect(ray: ModuleType, address: str, attempts: int = 3) -> None:
    """A cluster that has just been started, or is busy, sometimes fails to start the server of a new client."""
    for attempt in range(1, attempts + 1):
        try:
            with warnings.catch_warnings(action="ignore"):
                ray.init(address, log_to_driver=False)
            return
        except ConnectionAbortedError:
            if attempt == attempts:
                raise
            ray.shutdown()


def existing_cluster(address: str, threads: int, memory: int | None, timeout: float | None, cuda: bool) -> Cluster:
    """As many workers as a running cluster has processors for (and with `cuda` GPUs, one each).

    address: `ray://host:port`. Raises: UserError when nothing answers there within seconds.
    """
    ray = _ray()
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
        _connect(ray, address)
        resources = ray.cluster_resources()
    except Exception as problem:
        with suppress(Exception):
            ray.shutdown()
        raise UserError(
            f"no Ray cluster answers at `{address}`: {summary(problem)}",
            "give the port of the Ray client server: 10001 unless `ray start --head` was given another;"
            " for a cluster with a token, set RAY_AUTH_MODE=token and the token here",
        ) from problem
    count = int(resources.get("CPU", 0)) // threads
    if cuda:
        count = min(count, int(resources.get("GPU", 0)))
    if count == 0:
        ray.shutdown()
        needs = f"{threads} processor" + "s" * (threads != 1) + " and a GPU" * cuda
        raise UserError(f"the Ray cluster at `{address}` has no room for a worker: it needs {needs}")
    actor = ray.remote(Actor).options(num_cpus=threads, num_gpus=int(cuda), max_restarts=0)
    return Cluster(ray, count, actor, (threads, memory), timeout)


def summary(problem: BaseException) -> str:
    """The first line of an error of Ray or of the system, which may be long."""
    lines = [line.strip() for line in str(problem).splitlines()]
    return next((line for line in lines if line), type(problem).__name__)


def _ray() -> ModuleType:
    # Before it is imported. Its client would otherwise try for half a minute; trials on this machine see its GPUs.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S", "5")
    os.environ.setdefault("RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S", "5")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise UserError("Ray is not installed", "install it: pip install 'vnasdsl[ray]'") from None
    for name in ("ray", "ray.client_builder", "ray.util.client", "ray._private.authentication"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("ray.util.client.logsclient").disabled = True  # sets its own level when it connects
    # Ray prints a paragraph for every worker that dies and has no switch for it. If it renames this, it prints again.
    ray._private.worker.listen_error_messages = lambda *_: None
    return ray
