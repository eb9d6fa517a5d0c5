"""`vnasdsl show` and `vnasdsl draw`: a space or network as a table, as the compiler sees it, and as a picture."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vnasdsl.cli.options import FILE, format_option, input_options, json_option, option, print_json, tell_written
from vnasdsl.cli.targets import load_space, load_target, source_name
from vnasdsl.elaborate import Overrides, Space
from vnasdsl.elaborate.imports import split_target
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.show.emit import as_object
from vnasdsl.show.table import as_table, layer_table


@click.command("show")
@click.argument("file", metavar="FILE[:NAME]")
@click.argument("name", required=False)
@click.option("--layers", "all_layers", is_flag=True, help="Every layer with all its attributes, defaults filled in.")
@click.option(
    "--emit",
    type=click.Choice(["tree", "space", "graph", "python"]),
    help="Print a stage of the compiler: the syntax tree, the expanded space, its layers, the code.",
)
@input_options
@format_option
@json_option
@gc_paused()
def show_command(
    file: str, name: str | None, all_layers: bool, emit: str | None, overrides: Overrides, as_json: bool
) -> None:
    """Show a space or network stage by stage: shapes, choices, MACs and parameters.

    Give NAME when the file defines several. For a space, MACs and parameters are the exact minimum and maximum over all
    its networks, or bounds that are labelled as such.

    \b
    Examples:
      vnasdsl show spaces/x3d3.vns
      vnasdsl show spaces/x3d3_k400.vns --classes 101 --layers
      vnasdsl show spaces/tiny.vns --emit space      # blocks expanded, every choice by name
      vnasdsl show spaces/x3d3.vns --json | python -m json.tool
    """
    if sum((all_layers, emit is not None, as_json)) > 1:
        raise click.UsageError("--layers, --emit and --json exclude each other")
    program, named = load_target(file, overrides, name)
    if emit == "tree":
        from vnasdsl.show.emit import emit_tree

        click.echo(emit_tree(program.module, named.name if named else None))
        return
    space = named or program.get()
    if emit is not None:
        click.echo(emitted(emit, file, space))
    elif as_json:
        print_json(as_object(space))
    elif all_layers:
        click.echo(layer_table(space))
    else:
        click.echo(as_table(space, ascii_only=not encodes("█▏")))


def emitted(stage: str, file: str, space: Space) -> str:
    """A space at one stage of the compiler, without the last line end."""
    from vnasdsl.show.emit import emit_graph, emit_space

    if stage == "space":
        return emit_space(space)
    if stage == "graph":
        return emit_graph(space)
    from vnasdsl.codegen.outputs import compile_space

    return compile_space(space, source_name(split_target(file)[0]))[1].rstrip("\n")


def encodes(text: str) -> bool:
    """Whether standard output can show a text."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@click.command("draw")
@click.argument("file", metavar="FILE[:NAME]|RUN")
@click.argument("name", required=False)
@option("-o --output", "PICTURE", "File to write: .svg, .png, .mmd (Mermaid) or .dot (Graphviz).", FILE, required=True)
@click.option("--layers", is_flag=True, help="Every layer, with all blocks opened.")
@click.option(
    "--theme",
    type=click.Choice(("auto", "light", "dark")),
    default="auto",
    show_default=True,
    help="Background of .svg and .png; auto follows the reader's system (.png: light).",
)
@input_options
def draw_command(
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
    from vnasdsl.files import write_atomic
    from vnasdsl.runs.folder import RunReader
    from vnasdsl.show.draw import check_kind, picture_of, render

    suffix = check_kind(output, theme)
    if not Path(file).is_dir():
        picture = picture_of(load_space(file, overrides, name), layers=layers)
    elif name is not None or layers or overrides != Overrides():
        raise click.UsageError("a run is drawn as it was searched: give its folder alone")
    else:
        run = RunReader(Path(file))
        picture = picture_of(run.space, run.learnt)
    tell_written(output, write_atomic(output, render(picture, suffix, theme)))
