"""What tests of several folders use: places, the command in this process, shipped files, numbers of examples."""

from __future__ import annotations

import difflib
import io
import os
import sys
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings

from vnasdsl.cli.explain import faults
from vnasdsl.cli.main import main
from vnasdsl.elaborate import Overrides, Program, Space, load
from vnasdsl.language.codes import CODES
from vnasdsl.language.diagnostics import Diagnostic

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "cases"
SPACES = ROOT / "spaces"

QUICK, THOROUGH = 25, 200
"""Examples of a property test that names no number, in `make test` and `make test-slow`."""


def examples(thorough: int, quick: int | None = None, *, shrink: bool = True) -> settings:
    """`@examples(80)`: so many drawn examples in `make test-slow`, a quarter of them (at least 5) in `make test`.

    quick: how many in `make test` instead.
    shrink: look for a smaller example that fails, which takes minutes where a single one takes a second.
    """
    full = settings.default is not None and settings.default.max_examples >= THOROUGH
    phases = [phase for phase in Phase if phase is not Phase.explain and (shrink or phase is not Phase.shrink)]
    count = thorough if full else quick or max(5, thorough // 4)
    return settings(max_examples=count, phases=phases, suppress_health_check=list(HealthCheck))


def some_slow(values: Iterable[Any], slow: Container[Any]) -> list[Any]:
    """`@parametrize("name", some_slow(NAMES, LARGE))`: those that are left to `make test-slow`."""
    return [pytest.param(value, marks=pytest.mark.slow) if value in slow else value for value in values]


def parts(count: int) -> list[Any]:
    """`@parametrize("part", parts(4))`: the first part of a long list of cases; the others in `make test-slow`."""
    return some_slow(range(count), range(1, count))


def golden_difference(path: Path, text: str, update: bool) -> str | None:
    """How a text differs from what a file expects; `update` writes the text instead."""
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
        return None
    expected = path.read_bytes().decode("utf-8") if path.exists() else ""
    if text == expected and path.exists():
        return None
    before, after = (value.splitlines(keepends=True) for value in (expected, text))
    lines = difflib.unified_diff(before, after, f"expected/{path.name}", f"got/{path.name}")
    state = "differs" if path.exists() else "does not exist"
    return f"{state} (--update-goldens writes it)\n{''.join(lines)}"


@cache
def shipped(name: str, overrides: Overrides | None = None) -> Program:
    """The program of `spaces/NAME.vns`, read once; programs and spaces are immutable."""
    return load(SPACES / f"{name}.vns", overrides)


def shipped_space(name: str, overrides: Overrides | None = None) -> Space:
    """The space or network NAME of `spaces/NAME.vns`."""
    return shipped(name, overrides).get(name)


@contextmanager
def pictures_as_words() -> Iterator[None]:
    """Pictures of matplotlib are not drawn, which takes longer than a short search: their file has their words."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    def written(canvas: FigureCanvasAgg, file: io.BytesIO, **_: object) -> None:
        words = [text.get_text() for text in canvas.figure.findobj(Text)]
        file.write(b"\x89PNG\r\n\x1a\n" + "\n".join(words).encode())

    with patch.object(FigureCanvasAgg, "print_figure", written):
        yield


@cache
def example_faults(code: str) -> tuple[Diagnostic, ...]:
    """What is found in the wrong example of an error code."""
    return tuple(faults(CODES[code], CODES[code].bad))


def cli_environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of a command under test: no colour, 100 columns, this repository's package, UTF-8."""
    dropped = {"FORCE_COLOR", "CLICOLOR_FORCE", "VNASDSL_TRACEBACK", "VNASDSL_FORMAT", "LINES"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    fixed = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(paths)}
    return kept | fixed | (more or {})


def run_here(
    *args: str | Path, cwd: Path, env: dict[str, str] | None = None, input: str | None = None
) -> CompletedProcess[str]:
    """`vnasdsl ARGS` in this process, with the folder, environment and streams that a process of its own would have."""
    words = ["vnasdsl", *map(str, args)]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    before = Path.cwd()
    os.chdir(cwd)
    try:
        with (
            patch.dict(os.environ, cli_environment(env), clear=True),
            patch.object(sys, "argv", words),
            patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO((input or "").encode()), encoding="utf-8")),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
                status = 0
            except SystemExit as ended:
                status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        os.chdir(before)
    texts = [stream.buffer.getvalue().decode("utf-8") for stream in (out, err)]  # type: ignore[attr-defined]
    return CompletedProcess(words, status, *texts)
