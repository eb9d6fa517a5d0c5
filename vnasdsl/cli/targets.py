"""What commands are pointed at: `FILE` or `FILE:NAME`, loaded with overrides, warnings shown."""

from __future__ import annotations

import os
from pathlib import Path

from vnasdsl.cli.options import show
from vnasdsl.elaborate import Overrides, Program, Space, load
from vnasdsl.elaborate.imports import PREFIX, split_target
from vnasdsl.project import project_root
from vnasdsl.resources import spaces_dir


def load_target(text: str, overrides: Overrides | None = None, name: str | None = None) -> tuple[Program, Space | None]:
    """The program of a target, and the space it names (None when it names none). Warnings go to stderr.

    Raises: VnsError, UserError.
    """
    path, wanted = split_target(text)
    program = load(path, overrides)
    show(program.warnings)
    wanted = name or wanted
    return program, program.get(wanted) if wanted is not None else None


def load_space(text: str, overrides: Overrides | None = None, name: str | None = None) -> Space:
    """The space or network of a target; without a name the only one of the file. Raises: VnsError, UserError."""
    program, named = load_target(text, overrides, name)
    return named or program.get()


def source_name(path: str | os.PathLike[str]) -> str:
    """The name of a file in headers: its path from the root of its project, the same wherever the command runs. Of a
    file that an installed vnasdsl comes with, `vnasdsl:NAME`."""
    resolved, shipped = Path(path).resolve(), spaces_dir().resolve()
    if resolved.is_relative_to(Path(__file__).resolve().parent.parent):
        return PREFIX + resolved.relative_to(shipped).with_suffix("").as_posix()
    return resolved.relative_to(project_root(resolved)).as_posix()
