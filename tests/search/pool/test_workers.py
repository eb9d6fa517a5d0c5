"""Trials in this process and in processes of their own: the same results, and what happens when they fail."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.search.pool import trials
from tests.search.pool.support import collect, end_and_wait, open_pipe
from vnasdsl.language.diagnostics import UserError
from vnasdsl.searching.pool import Pool, Result, make_pool
from vnasdsl.searching.pool.workers import answer, packed, unpacked

MIB = 2**20


@pytest.fixture(scope="module")
def two() -> Iterator[Pool]:
    """Two warm processes."""
    with make_pool("2", threads=1) as pool:
        yield pool


@pytest.fixture(params=["one", "two"])
def pool(request: pytest.FixtureRequest, two: Pool) -> Iterator[Pool]:
    if request.param == "two":
        yield two
    else:
        with make_pool(1) as one:
            yield one


def test_results_are_the_same_to_the_last_bit(two: Pool) -> None:
    with make_pool(1, threads=1) as one:
        here = collect(one, trials.train, range(4))
    there = collect(two, trials.train, range(4))
    assert here == there and len({tuple(result.value) for result in here}) == 4


def test_in_this_process_trials_run_in_their_order() -> None:
    with make_pool(0) as pool:
        for key in range(5):
            pool.submit(key, trials.square, key)
        assert pool.capacity == 1
        assert [pool.next() for _ in range(5)] == [Result(key, key * key, None, 1) for key in range(5)]
        pool.submit("where", trials.process, None)
        assert pool.next().value == os.getpid()


def test_threads_are_bounded_and_set_back() -> None:
    before = torch.get_num_threads()
    with make_pool(1, threads=before + 1) as pool:
        (result,) = collect(pool, trials.limits, [None])
        assert result.value[0] == before + 1
    assert torch.get_num_threads() == before


def test_workers_stay_warm_and_are_others(two: Pool) -> None:
    used = {result.value for result in collect(two, trials.process, range(8))}
    assert len(used) <= 2 and os.getpid() not in used


def test_a_fault_is_told_with_its_place(pool: Pool) -> None:
    (result,) = collect(pool, trials.fail, ["what is wrong"])
    line = next(n for n, text in enumerate(Path(trials.__file__).read_text().splitlines(), 1) if "ValueError" in text)
    assert result == Result(0, None, f"ValueError: what is wrong\nin fail, trials.py line {line}", 3)
    assert collect(pool, trials.square, [3]) == [Result(0, 9, None, 1)]


@pytest.mark.slow
def test_every_attempt_is_made(pool: Pool, tmp_path: Path) -> None:
    (result,) = collect(pool, trials.count_calls, [str(tmp_path / "calls")])
    assert result.attempts == 3 and result.error is not None and result.error.startswith("RuntimeError: 3\n")


@pytest.mark.slow
def test_a_trial_that_leaves_python_is_a_failure(pool: Pool) -> None:
    (result,) = collect(pool, trials.leave, [7])
    assert result.error is not None and result.error.startswith("SystemExit: 7\n")


@pytest.mark.slow
def test_a_killed_worker_costs_an_attempt(two: Pool, tmp_path: Path) -> None:
    results = collect(two, trials.die_once, [str(tmp_path / name) for name in "ab"])
    assert results == [Result(key, "survived", None, 2) for key in (0, 1)]


@pytest.mark.slow
def test_three_killed_workers_end_the_trial_but_not_the_pool(two: Pool) -> None:
    two.submit("dies", trials.die, None)
    two.submit("lives", trials.square, 5)
    results = sorted((two.next() for _ in range(2)), key=lambda result: str(result.key))
    assert results == [
        Result("dies", None, "its worker was ended by SIGKILL: perhaps memory ran out", 3),
        Result("lives", 25, None, 1),
    ]


@pytest.mark.slow
def test_a_worker_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    with open_pipe(tmp_path) as (pipe, read), make_pool(2, timeout=5.0) as pool:
        results = collect(pool, trials.hold_once, [(str(tmp_path / "held"), str(pipe))])
        assert results == [Result(0, "awake", None, 2)]
        written = b""
        while part := read():
            written += part
        assert written == b"xx"


@pytest.mark.slow
def test_what_cannot_be_sent_is_told(two: Pool) -> None:
    (there,) = collect(two, trials.square, [lambda: None])
    assert there.error is not None and there.error.startswith("the trial cannot be sent: ")
    (back,) = collect(two, trials.no_data, [None])
    assert back.error is not None and "pickle" in back.error


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is bounded on Linux only")
@pytest.mark.slow
def test_threads_and_memory_of_workers_are_bounded() -> None:
    with make_pool(2, threads=3, memory=2048 * MIB) as pool:
        assert [result.value for result in collect(pool, trials.limits, range(2))] == [(3, "3", 2048 * MIB)] * 2
        assert [result.value for result in collect(pool, trials.allocate, [256 * MIB])] == [256 * MIB]
        (result,) = collect(pool, trials.allocate, [4096 * MIB])
        assert result.attempts == 3 and result.error is not None and "memory" in result.error


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is bounded on Linux only")
@pytest.mark.slow
def test_too_little_memory_for_any_trial_is_told_at_once() -> None:
    with make_pool(2, memory=20 * MIB) as pool, pytest.raises(UserError, match="20 MiB of memory is too little"):
        collect(pool, trials.square, [1])


def test_workers_that_cannot_use_torch_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    word, (message, _) = unpacked(answer(packed(abs, -1), 1, None))
    assert word == "unfit" and message.startswith("workers cannot use torch: ")


@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
@pytest.mark.slow
def test_nothing_is_left_running(how: str, tmp_path: Path) -> None:
    end_and_wait("2", how, tmp_path)


@pytest.mark.parametrize("workers", ["", "-1", "two", "1.5", "9999", "ray:", "ray:0", "ray:x", "ray://host", "ray"])
def test_other_words_are_no_workers(workers: str) -> None:
    with pytest.raises(UserError, match="workers must be N, ray:N or ray://host:port"):
        make_pool(workers)
