"""`vnasdsl check`: errors and warnings of files."""

from __future__ import annotations

from collections.abc import Iterable

import click

from vnasdsl.cli.checking import check_file
from vnasdsl.cli.options import input_options
from vnasdsl.cli.output import as_text, format_option, style
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.language.diagnostics import Diagnostic, arrange
from vnasdsl.language.files import STDIN
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.visible import visible
from vnasdsl.show.table import size_words


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@input_options
@format_option
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@gc_paused()
def command(files: tuple[str, ...], overrides: Overrides, as_json: bool) -> None:
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
