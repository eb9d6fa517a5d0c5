"""Checking a file with all its recipes."""

from __future__ import annotations

import os
from pathlib import Path

from vnasdsl.elaborate import Overrides, Program
from vnasdsl.elaborate.imports import PREFIX, split_target
from vnasdsl.elaborate.program import examine
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, VnsError
from vnasdsl.language.files import STDIN, read_source, read_stdin


def check_file(
    path: str | os.PathLike[str], overrides: Overrides | None = None, name: str | None = None
) -> tuple[Program | None, list[Diagnostic]]:
    """The program of a file (None when nothing of it can be read), and all errors and warnings.

    `-` is the standard input, whose imports are relative to the current folder. `name` is what the file is called in
    messages. Raises: UserError for a shipped file that there is not.
    """
    given = os.fspath(path)
    if given.startswith(PREFIX) and not Path(given).exists():
        path, name = split_target(given)[0], name or given
    try:
        source = read_stdin() if path == STDIN else read_source(path, name)
        return examine(source, Path("<stdin>" if path == STDIN else path), overrides, check_recipe)
    except VnsError as fault:
        return None, list(fault.diagnostics)


def check_recipe(recipe: tree.Recipe) -> list[Diagnostic]:
    """Unknown keys and wrong values of a recipe."""
    from vnasdsl.train.recipe_text import recipe_faults  # pydantic is slow to import: only where there is a recipe

    return recipe_faults(recipe)
