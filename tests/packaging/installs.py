"""Wheels, and clean environments with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

from tests.support import ROOT

# Everything but the interpreter's own paths would let the repository in by another door.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VNASDSL"))}


def run(*args: str | Path, cwd: Path, status: int = 0) -> str:
    """Run a command in the clean environment and give back its output; it must end with `status`."""
    result = subprocess.run(list(map(str, args)), cwd=cwd, env=CLEAN, capture_output=True, text=True, check=False)
    assert result.returncode == status, f"{args}\n{result.stdout}\n{result.stderr}"
    return result.stdout


IN_TURN = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from vnasdsl.cli.main import main
for words in json.load(sys.stdin):
    sys.argv, status = ["vnasdsl", *words], 0
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try:
            main()
        except SystemExit as ended:
            status = ended.code or 0
    print(json.dumps([status, out.getvalue(), err.getvalue()]))
"""


def run_in_turn(python: Path, commands: Sequence[Sequence[str]], cwd: Path) -> list[CompletedProcess[str]]:
    """`vnasdsl` with each of some arguments, all in one process of an environment."""
    done = subprocess.run(
        [python, "-c", IN_TURN], input=json.dumps(commands), cwd=cwd, env=CLEAN, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    results = map(json.loads, done.stdout.splitlines())
    return [CompletedProcess(words, *result) for words, result in zip(commands, results, strict=True)]


def build_wheel(source: Path, folder: Path) -> Path:
    """Build a wheel with the build backend of the running environment, so that nothing is downloaded."""
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(folder: Path, wheel: Path, lent: Sequence[Path]) -> Path:
    """A virtual environment with a wheel; its dependencies are in the folders `lent`, by a path file.

    A path file adds a folder but not what the path files inside it add: an editable install stays outside.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=ROOT.parent)
    python = folder / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    run(
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-compile",
        wheel,
        cwd=folder,
    )
    (packages / "lent.pth").write_text("\n".join(map(str, lent)) + "\n", encoding="utf-8")
    return folder
