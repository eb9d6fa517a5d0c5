"""`vnasdsl draw`: a picture of a space or a network."""

from __future__ import annotations

from pathlib import Path

import click

from vnasdsl.cli.options import FILE, input_options, option
from vnasdsl.cli.output import tell_written
from vnasdsl.cli.targets import load_space
from vnasdsl.elaborate import Overrides
from vnasdsl.files import write_atomic
from vnasdsl.runs.folder import RunReader
from vnasdsl.show.draw import check_kind, picture_of, render
from vnasdsl.show.draw.formats import THEMES


@click.command()
@click.argument("file", metavar="FILE[:NAME]|RUN")
@click.argument("name", required=False)
@option("-o --output", "PICTURE", "File to write: .svg, .png, .mmd (Mermaid) or .dot (Graphviz).", FILE, required=True)
@click.option("--layers", is_flag=True, help="Every layer, with all blocks opened.")
@click.option(
    "--theme",
    type=click.Choice(THEMES),
    default="auto",
    show_default=True,
    help="Background of .svg and .png; auto follows the reader's system (.png: light).",
)
@input_options
def command(
    file: str,
    name: str | None,
    output: Path,
    layers: bool,
    theme: str,
    overrides: Overrides,
) -> None:
    """Draw a network or a space: its stages with shapes and costs, its choices, and inside of each block.

    A space whose stages have several widths is drawn as a trellis of stages and candidates. Of a RUN, lines are as
    wide as the path weights, small bars show the weights of the operations, and the most probable path is marked. No
    other program is needed.

    \b
    Examples:
      vnasdsl draw spaces/x3d3.vns -o x3d3.svg
      vnasdsl draw spaces/x3d3_k400.vns -o x3d3_k400.png --theme dark
      vnasdsl draw runs/tiny -o tiny.svg
      vnasdsl draw spaces/x3d3_k400.vns --layers -o layers.dot
    """
    suffix = check_kind(output, theme)
    if not Path(file).is_dir():
        picture = picture_of(load_space(file, overrides, name), layers=layers)
    elif name is not None or layers or overrides != Overrides():
        raise click.UsageError("a run is drawn as it was searched: give its folder alone")
    else:
        run = RunReader(Path(file))
        picture = picture_of(run.space, run.learnt)
    tell_written(output, write_atomic(output, render(picture, suffix, theme)))
