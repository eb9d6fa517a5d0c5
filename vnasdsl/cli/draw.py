"""`vnasdsl draw`: a picture of a space or a network."""

from __future__ import annotations

from pathlib import Path

import click

from vnasdsl.cli.learnt import read_learnt
from vnasdsl.cli.options import input_options
from vnasdsl.cli.output import tell_written
from vnasdsl.cli.targets import load_space
from vnasdsl.elaborate import Overrides, Space, load
from vnasdsl.elaborate.shipped import split_target
from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import UserError
from vnasdsl.runs.folder import RunReader
from vnasdsl.show.draw import check_kind, picture_of, render
from vnasdsl.show.draw.themes import THEMES


@click.command()
@click.argument("file", metavar="FILE[:NAME]|RUN")
@click.argument("name", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="PICTURE",
    help="File to write: .svg, .png, .mmd (Mermaid) or .dot (Graphviz).",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Show what this search has learnt: path weights, operations, the path taken.",
)
@click.option(
    "--checkpoint", metavar="NAME", help="Instead of the finished search: last, best or the name of a checkpoint."
)
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
    run: Path | None,
    checkpoint: str | None,
    layers: bool,
    theme: str,
    overrides: Overrides,
) -> None:
    """Draw a network or a space: its stages with shapes and costs, its choices, and inside of each block.

    A space whose stages have several widths is drawn as a trellis of stages and candidates. With a run, lines are as
    wide as the path weights, small bars show the weights of the operations, and the most probable path is marked. No
    other program is needed.

    \b
    Examples:
      vnasdsl draw spaces/x3d3.vns -o x3d3.svg
      vnasdsl draw spaces/x3d3_k400.vns -o x3d3_k400.png --theme dark
      vnasdsl draw runs/tiny -o tiny.svg
      vnasdsl draw runs/tiny --checkpoint best -o best.svg
      vnasdsl draw spaces/tiny.vns --run runs/tiny -o tiny.svg
      vnasdsl draw spaces/x3d3_k400.vns --layers -o layers.dot
    """
    suffix = check_kind(output, theme)
    if Path(file).is_dir():
        if run is not None or name is not None or overrides != Overrides():
            raise click.UsageError("a run is drawn as it was searched: give its folder alone")
        run = Path(file)
        space = RunReader(run).space
    else:
        space = load_space(file, overrides, name) if run is None else _searched(file, name, overrides, run)
    if checkpoint is not None and run is None:
        raise click.UsageError("--checkpoint needs --run")
    if layers and run is not None:
        raise click.UsageError("--layers shows no probabilities: leave --run out")
    if space.kind == "network" and run is not None:
        raise UserError(f"`{space.name}` is a network: nothing in it was searched", "draw the space it comes from")
    picture = picture_of(space, None if run is None else read_learnt(run, space, checkpoint), layers)
    tell_written(output, write_atomic(output, render(picture, suffix, theme)))


def _searched(file: str, name: str | None, overrides: Overrides, run: Path) -> Space:
    """The space of a file with the input, the classes and the fixed choices of a run, unless told otherwise."""
    reader = RunReader(run)
    searched = reader.space
    path, wanted = split_target(file)
    space = load(path).get(name or wanted)
    if space.name != searched.name:
        raise UserError(f"`{run}` is a search of `{searched.name}`, not of `{space.name}`")
    given = {key: getattr(overrides, key) or getattr(searched.input, key) for key in ("frames", "size", "classes")}
    space = load_space(file, Overrides(**given), name)
    return space.fix(reader.fixes) if reader.fixes else space
