"""What all tests share: goldens, the command in a subprocess, repeatable property tests."""

from __future__ import annotations

import difflib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import CASES, cli_environment

# One thread each where several workers share the machine; read by torch when a test imports it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MKL_NUM_THREADS"] = "1"

_QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("here", deadline=None, suppress_health_check=_QUIET)
settings.register_profile("ci", deadline=None, suppress_health_check=_QUIET, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write what the tests got as what they expect")


def pytest_configure(config: pytest.Config) -> None:
    # What runs in the background of a shell ignores Ctrl-C, and so would all that tests start in order to interrupt it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("--update-goldens") and os.environ.get("CI"):
        raise pytest.UsageError("goldens are not updated under CI: look at the difference and commit it by hand")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden("name/file.txt", text)`: text must equal tests/cases/name/file.txt, which `--update-goldens` writes."""
    update = request.config.getoption("--update-goldens")

    def compare(name: str, text: str) -> None:
        path = CASES / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
            return
        expected = path.read_bytes().decode("utf-8") if path.exists() else ""
        if text != expected:
            lines = difflib.unified_diff(
                expected.splitlines(keepends=True), text.splitlines(keepends=True), f"expected/{name}", f"got/{name}"
            )
            state = "differs" if path.exists() else "does not exist"
            pytest.fail(f"golden {name} {state} (--update-goldens writes it)\n{''.join(lines)}", pytrace=False)

    return compare


@pytest.fixture
def run_cli(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_cli("compile", "x.vns", cwd=..., env={...})`: vnasdsl in a process of its own; cwd defaults to tmp_path.

    The result has `returncode`, `stdout` and `stderr`; a non-zero status does not raise.
    """

    def run(
        *args: str | Path,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        input: str | None = None,
        timeout: float = 300,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vnasdsl", *map(str, args)],
            cwd=cwd or tmp_path,
            env=cli_environment(env),
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )

    return run
