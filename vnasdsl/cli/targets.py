"""What commands are pointed at: `FILE` or `FILE:NAME`, loaded with overrides, warnings shown."""

from __future__ import annotations

import os
from pathlib import Path

from vnasdsl.cli.output import show
from vnasdsl.elaborate import Overrides, Program, Space, load
from vnasdsl.project import project_root


def split_target(text: str) -> tuple[Path, str | None]:
    """`spaces/x.vns:name` as path and name; a path that exists is never split."""
    if not Path(text).exists():
        path, colon, name = text.rpartition(":")
        if colon and path and name.isidentifier():
            return Path(path), name
    return Path(text), None


def load_target(text: str, overrides: Overrides | None = None, name: str | None = None) -> tuple[Program, Space | None]:
    """The program of a target, and the space it names (None when it names none). Warnings go to stderr.

    Raises: VnsError, UserError.
    """
    path, wanted = split_target(text)
    wanted = name or wanted
    program = load(path, overrides)
    show_warnings(program)
    return program, program.get(wanted) if wanted is not None else None


def show_warnings(program: Program) -> None:
    show(program.warnings)


def source_name(path: str | os.PathLike[str]) -> str:
    """The name of a file in headers: its path from the root of its project, the same wherever the command runs."""
    resolved = Path(path).resolve()
    return resolved.relative_to(project_root(resolved)).as_posix()
