"""Trials as tasks of a Ray cluster, on this machine or on many. Needs the extra `ray`."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from secrets import token_hex
from types import ModuleType
from typing import Any

from vnasdsl import __version__
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.pool.workers import Ended, Function, answer, last_lines, packed, unpacked

_STORE_BYTES = 80 * 2**20  # trials exchange little; Ray asks for at least 75 MiB
_ANSWER_SECONDS = 5.0
_TOKEN = token_hex(32)


def _answer(version: str, call: bytes, *limits: Any) -> bytes:
    """`answer` on a machine of the cluster."""
    if version == __version__:
        return answer(call, *limits)
    return pickle.dumps(("unfit", (f"the Ray cluster has vnasdsl {__version__}, and this is vnasdsl {version}", None)))


class Cluster:
    """An `Executor`: tasks of the cluster that this process is connected to. `folder` is removed at the end."""

    def __init__(
        self,
        ray: ModuleType,
        count: int,
        options: Mapping[str, Any],
        limits: tuple[Any, ...],
        folder: str | None = None,
    ):
        """options: of each task; limits: as `answer` takes them."""
        self.capacity = count
        self._ray, self._limits, self._folder = ray, limits, folder
        self._task = ray.remote(_answer).options(max_retries=0, **options)
        self._running: dict[Any, int] = {}
        self._ended: list[Ended] = []

    def start(self, ticket: int, function: Function, payload: Any) -> None:
        try:
            call = packed(function, payload)
        except Exception as problem:
            self._ended.append(Ended(ticket, error=f"the trial cannot be sent: {last_lines(problem)}"))
            return
        with _connected():
            self._running[self._task.remote(__version__, call, *self._limits)] = ticket

    def wait(self) -> list[Ended]:
        with _connected():
            done = [] if self._ended else self._ray.wait(list(self._running), num_returns=1)[0]
        self._ended += [self._take(reference) for reference in done]
        ended, self._ended = self._ended, []
        return ended

    def _take(self, reference: Any) -> Ended:
        ticket = self._running.pop(reference)
        try:
            with _connected():
                word, value = unpacked(self._ray.get(reference))
        except self._ray.exceptions.WorkerCrashedError:
            limit = "" if self._limits[2] is None else f", or there was no result within {self._limits[2]:g} s"
            return Ended(ticket, error=f"its worker ended unexpectedly: perhaps memory ran out{limit}")
        except self._ray.exceptions.RayError as problem:
            return Ended(ticket, error=f"its worker ended unexpectedly: {summary(problem)}")
        if word == "unfit":
            raise UserError(value[0], value[1])
        return Ended(ticket, value) if word == "done" else Ended(ticket, error=value)

    def close(self) -> None:
        # Without a connection Ray would start a cluster of its own to end the tasks on.
        for reference in self._running if self._ray.is_initialized() else ():
            with suppress(Exception):  # it may be over
                self._ray.cancel(reference, force=True)
        self._running.clear()
        self._ray.shutdown()
        if self._folder:
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
    return Cluster(ray, count, {"num_cpus": threads}, (threads, memory, timeout), folder)


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
    return Cluster(ray, count, {"num_cpus": threads, "num_gpus": int(cuda)}, (threads, memory, timeout))


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
