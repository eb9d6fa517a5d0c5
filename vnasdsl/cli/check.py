"""`vnasdsl check`: is a text right?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from vnasdsl.cli.options import input_options, json_option
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, VnsError
from vnasdsl.language.files import read_source
from vnasdsl.show.numbers import count_words
from vnasdsl.space import Overrides, Program, Space
from vnasdsl.space.program import examine


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
        program: Program | None
        try:
            program, faults = examine(read_source(file), Path(file), Overrides(frames, size, classes), check_recipe)
        except VnsError as fault:
            program, faults = None, list(fault.diagnostics)
        found += faults
        wrong = any(d.severity == "error" for d in faults)
        failed = failed or wrong
        if faults and not as_json:
            from vnasdsl.language.render import render

            click.echo(render(faults).rstrip("\n"), err=True)
        if program is not None and not wrong and not as_json:
            click.echo(f"{file}: ok" + "".join(f"\n  {describe(space)}" for space in program.spaces.values()))
    if as_json:
        click.echo(json.dumps([as_dict(d) for d in found], indent=2))
    if failed:
        raise SystemExit(1)


def check_recipe(recipe: tree.Recipe) -> list[Diagnostic]:
    """Unknown keys and wrong values of a recipe."""
    from vnasdsl.train.recipe_text import resolve_recipe  # pydantic is slow to import: only where there is a recipe

    try:
        resolve_recipe(recipe.kind, recipe)
    except VnsError as fault:
        return list(fault.diagnostics)
    return []


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
