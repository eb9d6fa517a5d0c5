"""`vnasdsl show`: shapes, choices, MACs and parameters."""

from __future__ import annotations

import json

import click

from vnasdsl.cli.options import input_options, json_option
from vnasdsl.cli.targets import load_target
from vnasdsl.show.table import as_object, as_table, layer_table
from vnasdsl.space import Overrides


@click.command()
@click.argument("file")
@click.argument("name", required=False)
@click.option("--layers", "all_layers", is_flag=True, help="One row for every layer.")
@input_options
@json_option
def command(
    file: str,
    name: str | None,
    all_layers: bool,
    frames: int | None,
    size: int | None,
    classes: int | None,
    as_json: bool,
) -> None:
    """Show a space or network stage by stage: shapes, choices, MACs and parameters.

    FILE may be FILE:NAME, or give NAME when the file has several. For a space, MACs and parameters are the exact least
    and greatest over all its networks.

    \b
    Examples:
      vnasdsl show spaces/x3d3.vns
      vnasdsl show spaces/x3d3_k400.vns --classes 101 --layers
      vnasdsl show spaces/x3d3.vns --json | python -m json.tool
    """
    program, space = load_target(file, Overrides(frames, size, classes), name)
    space = space or program.get()
    if as_json:
        click.echo(json.dumps(as_object(space), indent=2))
    elif all_layers:
        click.echo(layer_table(space))
    else:
        click.echo(as_table(space))
