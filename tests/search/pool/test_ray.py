"""The same pool on real Ray clusters. One is started for this file, with the command that people use, and kept."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.search.pool import trials
from tests.search.pool.support import collect, end_and_wait, open_pipe
from tests.support import ROOT, cli_environment
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.pool import Pool, Result, make_pool

# Ray writes a token into the home folder unless it is told not to ask for one.
QUIET = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
MIB = 2**20
LIMIT = ", or there was no result within 30 s"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two processors."""
    folder = tempfile.mkdtemp(prefix="vnasdsl-ray-", dir="/tmp")  # sockets lie in it: the path has to be short
    port = free_port()
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", "--num-cpus=2"]
    command += ["--num-gpus=0", "--include-dashboard=false", "--object-store-memory=83886080", "--port=0"]
    command += [f"--ray-client-server-port={port}", f"--temp-dir={folder}", "--dashboard-agent-listen-port=0"]
    output = Path(folder) / "output.txt"
    with output.open("wb") as said:
        head = subprocess.Popen(
            command, cwd=ROOT, env=cli_environment(QUIET), stdout=said, stderr=said, start_new_session=True
        )
    try:
        while not answers(port):
            assert head.poll() is None, output.read_text()
        yield f"ray://127.0.0.1:{port}"
    finally:
        for log in sorted(Path(folder).glob("session_latest/logs/ray_client_server*.err")):
            print(f"{log.name}:\n{log.read_text(errors='replace')}")  # pytest shows it where a test failed
        head.terminate()
        head.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def ray_folders() -> set[Path]:
    return set(Path("/tmp").glob("vnasdsl-ray-*"))


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def pool(address: str) -> Iterator[Pool]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        with make_pool(address, threads=1, memory=2048 * MIB, timeout=30.0) as pool:
            yield pool


@pytest.mark.slow
def test_results_are_those_of_this_process(pool: Pool) -> None:
    assert pool.capacity == 2
    with make_pool(1, threads=1) as one:
        here = collect(one, trials.train, range(4))
    assert collect(pool, trials.train, range(4)) == here


@pytest.mark.slow
def test_workers_are_other_processes_with_their_limits(pool: Pool) -> None:
    assert os.getpid() not in {result.value for result in collect(pool, trials.process, range(8))}
    assert [result.value for result in collect(pool, trials.limits, range(2))] == [(1, "1", 2048 * MIB)] * 2


@pytest.mark.slow
def test_a_fault_is_told_as_in_this_process(pool: Pool) -> None:
    with make_pool(1) as one:
        here = collect(one, trials.fail, ["what is wrong"])
    assert here[0].error is not None
    assert collect(pool, trials.fail, ["what is wrong"]) == here


@pytest.mark.slow
def test_a_killed_worker_costs_an_attempt(pool: Pool, tmp_path: Path) -> None:
    results = collect(pool, trials.die_once, [str(tmp_path / name) for name in "ab"])
    assert results == [Result(key, "survived", None, 2) for key in (0, 1)]


@pytest.mark.slow
def test_three_killed_workers_end_the_trial_but_not_the_pool(pool: Pool) -> None:
    pool.submit(0, trials.die, None)
    pool.submit(1, trials.square, 5)
    results = sorted((pool.next() for _ in range(2)), key=lambda result: int(str(result.key)))
    assert results == [
        Result(0, None, f"its worker ended unexpectedly: perhaps memory ran out{LIMIT}", 3),
        Result(1, 25, None, 1),
    ]


@pytest.mark.slow
def test_what_cannot_be_sent_is_told(pool: Pool) -> None:
    (there,) = collect(pool, trials.square, [lambda: None])
    assert there.error is not None and there.error.startswith("the trial cannot be sent: ")


@pytest.mark.slow
def test_a_worker_that_hangs_is_ended_with_what_it_started(pool: Pool, tmp_path: Path) -> None:
    # The pool of this file, with a shorter limit for a moment: another would need another connection.
    workers: Any = pool._executor
    before, workers._limits = workers._limits, (*workers._limits[:2], 5.0)
    try:
        with open_pipe(tmp_path) as (pipe, read):
            results = collect(pool, trials.hold_once, [(str(tmp_path / "held"), str(pipe))])
            assert results == [Result(0, "awake", None, 2)]
            written = b""
            while part := read():
                written += part
            assert written == b"xx"
    finally:
        workers._limits = before


@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
@pytest.mark.slow
def test_a_local_cluster_ends_with_its_pool(how: str, tmp_path: Path) -> None:
    before = ray_folders()
    end_and_wait("ray:2", how, tmp_path, QUIET)
    left = ray_folders() - before
    assert how == "SIGKILL" or not left
    for folder in left:  # nobody was there any more to remove it
        shutil.rmtree(folder, ignore_errors=True)


_LOCAL = """
from tests.search.pool import trials
from tests.search.pool.support import collect
from vnasdsl.searching.pool import make_pool

if __name__ == "__main__":
    with make_pool("ray:1", threads=2) as pool:
        assert pool.capacity == 1
        print([result.value[:2] for result in collect(pool, trials.limits, range(2))])
"""


@pytest.mark.slow
def test_a_local_cluster_says_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    script = tmp_path / "local.py"
    script.write_text(_LOCAL)
    before = ray_folders()
    command = [sys.executable, str(script)]
    home = tmp_path / "home"  # Ray would keep a token in it
    home.mkdir()
    environment = cli_environment({"HOME": str(home)})
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[(2, '2'), (2, '2')]\n", "")
    assert ray_folders() == before and not list(home.iterdir())


_REFUSED = """
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.pool import make_pool
import sys

try:
    make_pool(sys.argv[1], threads=int(sys.argv[2]), cuda="cuda" in sys.argv)
except UserError as problem:
    print(problem.message)
    print(problem.help)
"""


def refused(address: str, threads: int, environment: dict[str, str], *more: str) -> tuple[str, str]:
    """Message and remedy of a pool that cannot be made, in a process of its own: Ray knows one cluster in each."""
    command = [sys.executable, "-c", _REFUSED, address, str(threads), *more]
    done = subprocess.run(command, cwd=ROOT, env=cli_environment(environment), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    message, help = done.stdout.splitlines()
    return message, help


@pytest.mark.slow
def test_a_cluster_that_does_not_answer() -> None:
    port = free_port()
    message, help = refused(f"ray://127.0.0.1:{port}", 1, QUIET)
    assert message == f"no Ray cluster answers at `ray://127.0.0.1:{port}`: [Errno 111] Connection refused"
    assert "10001" in help


@pytest.mark.slow
def test_something_that_answers_and_is_no_cluster() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        waits = {"RAY_CLIENT_INITIAL_CONNECTION_TIMEOUT_S": "1", "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S": "1"}
        message, _ = refused(f"ray://127.0.0.1:{port}", 1, QUIET | waits)
    assert message == f"no Ray cluster answers at `ray://127.0.0.1:{port}`: ray client connection timeout"


def test_a_cluster_that_fails_to_serve_a_client_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def init(address: str, **_: object) -> None:
        asked.append(address)
        if len(asked) < 3:
            raise ConnectionAbortedError("Starting Ray client server failed")

    ray = SimpleNamespace(init=init, shutdown=lambda: None, cluster_resources=dict)
    monkeypatch.setattr("vnasdsl.searching.pool.cluster._ray", lambda: ray)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"ray://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UserError, match="has no room for a worker"):  # this one has no processor
            make_pool(address)
    assert asked == [address] * 3


@pytest.mark.slow
def test_a_cluster_without_room(address: str) -> None:
    message, _ = refused(address, 3, QUIET)
    assert message == f"the Ray cluster at `{address}` has no room for a worker: it needs 3 processors"
    message, _ = refused(address, 1, QUIET, "cuda")
    assert message == f"the Ray cluster at `{address}` has no room for a worker: it needs 1 processor and a GPU"


@pytest.mark.parametrize("workers", ["ray:2", "ray://127.0.0.1:10001"])
def test_without_ray_the_command_that_installs_it_is_named(workers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="Ray is not installed") as raised:
        make_pool(workers)
    assert raised.value.help == "install it: pip install 'vnasdsl[ray]'"
