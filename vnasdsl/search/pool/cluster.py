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
from vnasdsl.search.pool.executor import Begun, Done, Event, Failed, Function
from vnasdsl.search.pool.faults import last_lines
from vnasdsl.search.pool.worker import Word, answer, request, result, settle

_STARTS = 3  # workers in a row that end before they are ready: then none will start
_STORE_BYTES = 80 * 2**20  # trials hand over little; Ray asks for 75 MiB at least
_ANSWER_SECONDS = 5.0
_TOKEN = token_hex(32)


class Actor:
    """What Ray makes a process of: the same as a local worker."""

    def __init__(self, threads: int, memory: int | None):
        self._unfit: tuple[str, str | None] | None = None
        try:
            settle(threads, memory)
        except UserError as problem:
            self._unfit = problem.message, problem.help

    def ready(self) -> tuple[Word, Any]:
        """("ready", version of vnasdsl), or ("unfit", message and remedy)."""
        return ("ready", __version__) if self._unfit is None else ("unfit", self._unfit)

    def answer(self, message: bytes) -> bytes:
        return answer(message)


class Worker:
    """An actor, and the references to what is awaited of it."""

    def __init__(self, handle: Any):
        self.handle = handle
        self.start: Any = handle.ready.remote()
        self.call: Any = None
        self.ticket: int | None = None

    @property
    def ready(self) -> bool:
        return self.start is None


class Cluster:
    """`count` actors on the cluster that this process is connected to; `folder` is removed at the end."""

    def __init__(self, ray: ModuleType, count: int, actor: Any, arguments: tuple[Any, ...], folder: str | None = None):
        self._ray = ray
        self.capacity = count
        self._actor, self._arguments = actor, arguments
        self._folder = folder
        self._false_starts = 0
        self._events: list[Event] = []
        self._workers = [self._launch() for _ in range(count)]

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        try:
            message = request(function, payload)
        except Exception as problem:
            self._events.append(Failed(ticket, f"the trial cannot be sent: {last_lines(problem)}"))
            return
        idle = [worker for worker in self._workers if worker.ticket is None]
        worker = next((worker for worker in idle if worker.ready), idle[0])
        with _connected():
            worker.ticket, worker.call = ticket, worker.handle.answer.remote(message)
        if worker.ready:
            self._events.append(Begun(ticket))

    def wait(self, seconds: float | None) -> list[Event]:
        if not self._events:
            awaited = {worker.call if worker.ready else worker.start: worker for worker in self._workers}
            awaited.pop(None, None)
            with _connected():
                live_suffix, _ = self._ray.wait(list(awaited), num_returns=1, timeout=seconds)
                for reference in live_suffix:
                    self._hear(awaited[reference], reference)
        events, self._events = self._events, []
        return events

    def abandon(self, ticket: int) -> None:
        with _connected():
            self._replace(next(worker for worker in self._workers if worker.ticket == ticket))

    def close(self) -> None:
        while self._workers:
            self._end(self._workers.pop())
        self._ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _launch(self) -> Worker:
        return Worker(self._actor.remote(*self._arguments))

    def _hear(self, worker: Worker, reference: Any) -> None:
        try:
            value = self._ray.get(reference)
        except self._ray.exceptions.RayError as problem:
            self._lose(worker, problem)
            return
        if worker.ready:
            self._report(worker, *result(value))
        else:
            self._admit(worker, *value)

    def _admit(self, worker: Worker, word: Word, value: Any) -> None:
        if word == "unfit":
            raise UserError(*value)
        if value != __version__:
            raise UserError(f"the Ray cluster has vnasdsl {value}, and this is vnasdsl {__version__}")
        worker.start, self._false_starts = None, 0
        if worker.ticket is not None:
            self._events.append(Begun(worker.ticket))

    def _report(self, worker: Worker, word: Word, value: Any) -> None:
        ticket = worker.ticket
        assert ticket is not None
        if word == "done":
            worker.ticket = worker.call = None
            self._events.append(Done(ticket, value))
        else:
            self._replace(worker)
            self._events.append(Failed(ticket, value))

    def _lose(self, worker: Worker, problem: Exception) -> None:
        self._replace(worker)
        if not worker.ready:
            self._false_starts += 1
            if self._false_starts == _STARTS:
                raise UserError(f"workers do not start on the Ray cluster: {summary(problem)}")
        if worker.ticket is not None:
            died = isinstance(problem, self._ray.exceptions.ActorDiedError)
            how = "perhaps memory ran out" if died else summary(problem)
            self._events.append(Failed(worker.ticket, f"its worker ended unexpectedly: {how}"))

    def _replace(self, worker: Worker) -> None:
        self._end(worker)
        self._workers.remove(worker)
        self._workers.append(self._launch())

    def _end(self, worker: Worker) -> None:
        if not self._ray.is_initialized():
            return  # the connection is lost; Ray would start a cluster of its own to end the worker on
        with suppress(Exception):  # it may be gone
            self._ray.kill(worker.handle, no_restart=True)


@contextmanager
def _connected() -> Iterator[None]:
    try:
        yield
    except ConnectionError as problem:
        raise UserError("the connection to the Ray cluster is lost", "go on with --resume") from problem


def local_cluster(count: int, threads: int, memory: int | None) -> Cluster:
    """A cluster of this machine for `count` workers, started here and ended with the pool. Raises: UserError."""
    if "RAY_AUTH_MODE" not in os.environ:
        # The cluster asks for a token that lives as long as this process; Ray would keep one in the home folder.
        os.environ.setdefault("RAY_AUTH_TOKEN", _TOKEN)
    ray = _ray()
    # Ray's own place for what it leaves behind is never tidied. The path is short: sockets lie in it.
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
        raise UserError(f"no local Ray cluster starts: {summary(problem)}") from problem
    actor = ray.remote(Actor).options(num_cpus=threads, max_restarts=0)
    return Cluster(ray, count, actor, (threads, memory), folder)


def existing_cluster(address: str, threads: int, memory: int | None, cuda: bool) -> Cluster:
    """As many workers as a running cluster has processors for; `cuda`: and GPUs, one each.

    address: `ray://host:port`. Raises: UserError when nothing answers there, within seconds.
    """
    ray = _ray()
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
        with warnings.catch_warnings(action="ignore"):
            ray.init(address, log_to_driver=False)
        resources = ray.cluster_resources()
    except Exception as problem:
        with suppress(Exception):
            ray.shutdown()
        raise UserError(
            f"no Ray cluster answers at `{address}`: {summary(problem)}",
            "the port is that of the Ray client server, 10001 unless `ray start --head` was told another;"
            " a cluster that asks for a token wants RAY_AUTH_MODE=token and the token here",
        ) from problem
    count = int(resources.get("CPU", 0)) // threads
    if cuda:
        count = min(count, int(resources.get("GPU", 0)))
    if count == 0:
        ray.shutdown()
        needs = f"{threads} processor" + "s" * (threads != 1) + " and a GPU" * cuda
        raise UserError(f"the Ray cluster at `{address}` has no room for a worker: it needs {needs}")
    actor = ray.remote(Actor).options(num_cpus=threads, num_gpus=int(cuda), max_restarts=0)
    return Cluster(ray, count, actor, (threads, memory))


def summary(problem: BaseException) -> str:
    """The first line that says something of what Ray or the system report, which may be long."""
    lines = [line.strip() for line in str(problem).splitlines()]
    return next((line for line in lines if line), type(problem).__name__)


def _ray() -> ModuleType:
    # Before it is imported. Its client would otherwise try for half a minute. Trials on this machine see its GPUs.
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
    # Ray prints a paragraph on every worker that dies and has no switch for it. If it renames this, it prints again.
    ray._private.worker.listen_error_messages = lambda *_: None
    return ray
