"""What all tests share: goldens, the command, and how many examples property tests draw."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings

from tests.support import CASES, QUICK, ROOT, THOROUGH, cli_environment, golden_difference, run_here

# One thread each where several workers share the machine; read by torch when a test imports it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MKL_NUM_THREADS"] = "1"

# `make test` draws few examples, `make test-slow` (--hypothesis-profile=thorough) many; under CI always the same.
for name, count in (("quick", QUICK), ("thorough", THOROUGH)):
    settings.register_profile(
        name,
        max_examples=count,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        derandomize=bool(os.environ.get("CI")),
        print_blob=bool(os.environ.get("CI")),
    )
settings.load_profile("quick")

# Tests make many objects that stay: looking for cycles as often as Python does takes a twentieth of their time.
gc.set_threshold(20_000, 20, 20)

LONGEST = """
safety/test_hostile.py codegen/test_committed.py packaging/test_wheel.py show/test_draw.py tracing/test_from_torch.py
search/test_estimate.py packaging/test_light.py search/pool/test_workers.py space/test_constraints.py
network/test_published_members.py search/evolve/test_going_on.py search/test_commands.py language/test_format.py
cli/test_diff.py lsp/test_server.py safety/test_repeatable.py search/one_shot/test_runs.py cli/test_show.py
codegen/test_names.py codegen/test_adversarial.py cli/test_explain.py search/evolve/test_streams.py
language/test_robustness.py benchmarks/test_tabular.py space/test_faults_together.py search/evolve/test_runs.py
search/test_runs_kept.py search/test_supernet_search.py train/test_export.py spaces/test_published.py
space/test_wired_spaces.py api/test_training.py search/test_draws.py search/test_samples.py derive/test_budget.py
space/test_random_spaces.py cli/test_new.py layers/test_arguments.py search/evolve/test_propose.py
safety/test_drawn_networks.py language/test_round_trip.py safety/test_fuzz.py cli/test_check.py train/test_inputs.py
docs/test_site.py layers/test_transformers.py search/evolve/test_systems.py codegen/test_cells.py
benchmarks/test_data.py codegen/test_equations.py show/test_diff.py show/test_charts.py search/test_derive.py
""".split()
"""The files of tests that take seconds, longest first."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write what the tests got as what they expect")
    parser.addoption("--table", help="nas-bench-macro_cifar10.json of NAS-Bench-Macro, to compare every network with")


def pytest_configure(config: pytest.Config) -> None:
    # What runs in the background of a shell ignores Ctrl-C, and so would all that tests start in order to interrupt it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--update-goldens") and os.environ.get("CI"):
        raise pytest.UsageError("goldens are not updated under CI: look at the difference and commit it by hand")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long first: two workers then end together."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    tests = ROOT / "tests"
    items.sort(key=lambda item: ranks.get(item.path.relative_to(tests).as_posix(), len(ranks)))


@pytest.fixture(autouse=True, scope="module")
def old_objects_left_alone() -> None:
    """What was made before a file of tests is not looked at again by the garbage collector, which takes a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def disk_not_waited_for() -> Iterator[None]:
    """Nothing that a test writes has to survive the machine."""
    with patch.object(os, "fsync"):
        yield


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("name/file.txt", text)`: text must equal tests/cases/name/file.txt, which `--update-goldens` writes."""
    update = request.config.getoption("--update-goldens")

    def compare(name: str, text: str) -> None:
        difference = golden_difference(CASES / name, text, update)
        if difference:
            pytest.fail(f"golden {name} {difference}", pytrace=False)

    return compare


RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_cli(tmp_path: Path) -> RunCli:
    """`run_cli("compile", "x.vns", cwd=..., env={...}, input=...)`: the command in this process.

    The result has `returncode`, `stdout` and `stderr`; a non-zero status does not raise.
    """
    return lambda *args, cwd=tmp_path, **more: run_here(*args, cwd=cwd, **more)


@pytest.fixture
def run_process(tmp_path: Path) -> RunCli:
    """As `run_cli`, in a process of its own: for what only a process shows."""

    def run(
        *args: str | Path, cwd: Path = tmp_path, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vnasdsl", *map(str, args)],
            cwd=cwd,
            env=cli_environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def heeded_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP do what they usually do, though the tests may run under nohup."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
