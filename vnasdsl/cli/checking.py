"""Checking a file with everything there is to say about it, recipes included."""

from __future__ import annotations

import os
from pathlib import Path

from vnasdsl.elaborate import Overrides, Program
from vnasdsl.elaborate.program import examine
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, VnsError
from vnasdsl.language.files import read_source


def check_file(
    path: str | os.PathLike[str], overrides: Overrides | None = None, name: str | None = None
) -> tuple[Program | None, list[Diagnostic]]:
    """What a file says as far as it can be read (None: not at all), and all its faults; `name` is what it is called."""
    try:
        return examine(read_source(path, name), Path(path), overrides, check_recipe)
    except VnsError as fault:
        return None, list(fault.diagnostics)


def check_recipe(recipe: tree.Recipe) -> list[Diagnostic]:
    """Unknown keys and wrong values of a recipe."""
    from vnasdsl.train.recipe_text import resolve_recipe  # pydantic is slow to import: only where there is a recipe

    try:
        resolve_recipe(recipe.kind, recipe)
    except VnsError as fault:
        return list(fault.diagnostics)
    return []
