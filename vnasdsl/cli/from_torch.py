"""`vnasdsl from-torch`: write a PyTorch module as a network."""

from __future__ import annotations

import re
from pathlib import Path

import click

from vnasdsl.cli.options import FILE, option, pairs, tell_written
from vnasdsl.language.diagnostics import UserError


def _clips(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> list[tuple[int, ...]]:
    for value in values:
        if not re.fullmatch(r"[1-9]\d{0,4}(x[1-9]\d{0,4}){3}", value):
            raise click.BadParameter("expected channels x frames x rows x columns, such as 3x16x112x112")
    return [tuple(map(int, value.split("x"))) for value in values]


@click.command("from-torch")
@click.argument("target", metavar="MODULE:NAME")
@option(
    "--clip clips",
    "CxTxHxW",
    "The shape of a clip; of a module with several inputs once for each, in their order.",
    multiple=True,
    callback=_clips,
    required=True,
)
@option(
    "--arg arguments",
    "NAME=VALUE",
    "An argument of the class or function; may be repeated.",
    multiple=True,
    callback=pairs,
)
@click.option("--name", help="Name of the network.  [default: that of the class or function]")
@option("-o --output", "FILE.vns", "Write here instead of to the standard output.", FILE)
@click.option("--weights", is_flag=True, help="Write the weights of the module beside FILE.vns, as FILE.safetensors.")
@click.option("--force", is_flag=True, help="Overwrite FILE.vns.")
def from_torch_command(
    target: str,
    clips: list[tuple[int, ...]],
    arguments: dict[str, str],
    name: str | None,
    output: Path | None,
    weights: bool,
    force: bool,
) -> None:
    """Write a PyTorch module as a network of layers of the language.

    MODULE is a Python file or an importable module, NAME a class or a function in it that gives a torch.nn.Module. It
    is imported and run: use it on code that you trust.

    The module is traced for one clip, in evaluation. What its parts of one class do becomes a block. The text is
    compiled, and must give the outputs of the module for the same weights, drawn at random; otherwise nothing is
    written. Everything that no layer of the language does is named at once.

    \b
    Examples:
      vnasdsl from-torch net.py:Network --clip 3x16x112x112 -o net.vns
      vnasdsl from-torch torchvision.models.video:r3d_18 --clip 3x16x112x112
      vnasdsl from-torch net.py:TwoStreams --clip 3x8x224x224 --clip 2x8x224x224
      vnasdsl from-torch net.py:make --arg width=64 --clip 3x8x64x64 -o net.vns --weights
    """
    from vnasdsl.files import write_atomic
    from vnasdsl.tracing import from_torch
    from vnasdsl.tracing.result import load_module
    from vnasdsl.train.weights import weights_bytes

    if weights and output is None:
        raise click.UsageError("--weights needs --output")
    if output is not None and output.exists() and not force:
        raise UserError(f"`{output}` exists", "give --force to overwrite it, or another --output")
    module = load_module(target, arguments)
    imported = from_torch(module, clips, name or _name(target))
    if output is None:
        click.echo(imported.text, nl=False)
    else:
        tell_written(output, write_atomic(output, imported.text))
        if weights:
            file = output.with_suffix(".safetensors")
            tell_written(file, write_atomic(file, weights_bytes(imported.weights(module))))
    for remark in imported.remarks:
        click.echo(f"note: {remark}", err=True)
    click.echo(
        f"{imported.space.params[0]} parameters in both; outputs for random weights differ by"
        f" {imported.difference:.1g} of their size",
        err=True,
    )


def _name(target: str) -> str:
    name = re.sub(r"\W", "_", target.rpartition(":")[2]).lower().strip("_")
    return name if name[:1].isalpha() else f"net_{name}"
