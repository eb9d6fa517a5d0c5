"""`vnasdsl check`: is a text right?"""

from __future__ import annotations

import json

import click

from vnasdsl.cli.options import input_options, json_option
from vnasdsl.cli.targets import load_target
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, VnsError
from vnasdsl.show.numbers import count_words
from vnasdsl.space import Overrides, Program, Space


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@input_options
@json_option
def command(files: tuple[str, ...], frames: int | None, size: int | None, classes: int | None, as_json: bool) -> None:
    """Check texts: syntax, names, shapes, limits, recipes, and that every network lies in the space it claims.

    All files are checked, every fault is shown with its line; exit 1 when there is an error.

    \b
    Examples:
      vnasdsl check spaces/x3d3.vns spaces/x3d3_k400.vns
      vnasdsl check spaces/x3d3.vns --frames 8 --size 112
    """
    found: list[Diagnostic] = []
    failed = False
    for file in files:
        try:
            program, _ = load_target(file, Overrides(frames, size, classes))
            found += program.warnings
            check_recipes(program)
            if not as_json:
                click.echo(f"{file}: ok" + "".join(f"\n  {describe(space)}" for space in program.spaces.values()))
        except VnsError as fault:
            failed = True
            found += fault.diagnostics
            if not as_json:
                from vnasdsl.language.render import render

                click.echo(render(fault.diagnostics).rstrip("\n"), err=True)
    if as_json:
        click.echo(json.dumps([as_dict(d) for d in found], indent=2))
    if failed:
        raise SystemExit(1)


def check_recipes(program: Program) -> None:
    """Raises: VnsError with every unknown key and wrong value of the file's own recipes."""
    recipes = [item for item in program.module.items if isinstance(item, tree.Recipe)]
    if not recipes:
        return
    from vnasdsl.train.recipe_text import resolve_recipe  # pydantic is slow to import: only where there is a recipe

    found: list[Diagnostic] = []
    for recipe in recipes:
        try:
            resolve_recipe(recipe.kind, recipe)
        except VnsError as fault:
            found += fault.diagnostics
    if found:
        raise VnsError(found)


def describe(space: Space) -> str:
    if space.kind == "network":
        claim = f", in space {space.claim.name}" if space.claim else ""
        return f"network {space.name}: {space.macs[0]} MACs, {space.params[0]} parameters{claim}"
    return f"space {space.name}: {count_words(space.size)} networks in {len(space.choices)} choices"


def as_dict(diagnostic: Diagnostic) -> dict[str, object]:
    place = diagnostic.primary.span if diagnostic.primary else None
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": place.source.name if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "help": diagnostic.help,
    }
