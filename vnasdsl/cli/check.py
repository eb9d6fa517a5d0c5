"""`vnasdsl check`: errors and warnings of files, with all their recipes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click

from vnasdsl.cli.options import as_text, format_option, input_options, style
from vnasdsl.elaborate import Overrides, Program, Space
from vnasdsl.elaborate.imports import PREFIX, split_target
from vnasdsl.elaborate.program import examine
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Diagnostic, VnsError, arrange
from vnasdsl.language.files import STDIN, read_source, read_stdin
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.visible import visible
from vnasdsl.show.table import size_words


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


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@input_options
@format_option
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@gc_paused()
def check_command(files: tuple[str, ...], overrides: Overrides, as_json: bool) -> None:
    """Check files: syntax, names, shapes, limits, recipes, and that every network lies in the space it claims.

    FILE `-` reads the standard input. All files are checked, and every error is shown with its line; exit 1 if there is
    an error. Errors and warnings go to the standard error; JSON and GitHub commands to the standard output.

    Where the pyproject.toml of the project has `layers` under [tool.vnasdsl], the Python files named there are run, and
    `check` says so. Nothing else of a project is ever run.

    \b
    Examples:
      vnasdsl check spaces/x3d3.vns spaces/x3d3_k400.vns
      vnasdsl check spaces/x3d3.vns --frames 8 --size 112
      vnasdsl check --format github spaces/*.vns           # in a workflow
      vnasdsl check - < spaces/x3d3.vns                    # for editors
    """
    chosen = "json" if as_json else style()
    found: list[Diagnostic] = []
    ran: dict[str, None] = {}
    for file in files:
        program, faults = check_file(file, overrides)
        for layer_file in program.definitions.catalogue.files if program is not None and chosen != "json" else ():
            ran.setdefault(layer_file.name)
        found += faults
        if faults and chosen != "json":
            click.echo(as_text(faults), err=chosen != "github", color=True)
        if program is not None and not any_error(faults) and chosen != "json":
            name = "<stdin>" if file == STDIN else visible(file)
            click.echo(f"{name}: ok" + "".join(f"\n  {describe(space)}" for space in program.spaces.values()))
    if ran:
        click.echo(f"ran {', '.join(map(visible, ran))}, which `layers` of [tool.vnasdsl] names", err=True)
    if chosen == "json":
        from vnasdsl.language.render import render_json

        click.echo(render_json(arrange(found)))
    if any_error(found):
        raise SystemExit(1)


def any_error(faults: Iterable[Diagnostic]) -> bool:
    return any(d.severity == "error" for d in faults)


def describe(space: Space) -> str:
    if space.kind == "network":
        claim = f", in space {space.claim.name}" if space.claim else ""
        return f"network {space.name}: {space.macs[0]} MACs, {space.params[0]} parameters{claim}"
    return f"space {space.name}: {size_words(space)} in {len(space.choices)} choice{'s' * (len(space.choices) != 1)}"
