"""`vnasdsl layers` and `vnasdsl zoo`: what files can use."""

from __future__ import annotations

import json
from pathlib import Path

import click

from vnasdsl.cli.options import json_option, print_json
from vnasdsl.elaborate.project_layers import Catalogue, catalogue_for
from vnasdsl.language.diagnostics import UserError, did_you_mean
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.layers import CATALOGUE
from vnasdsl.layers.base import Layer, show_value


@click.command("layers")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
def layers_command(names: tuple[str, ...], as_json: bool) -> None:
    """List the layers that files of this project can use, its own included, or describe those named.

    \b
    Examples:
      vnasdsl layers
      vnasdsl layers conv residual
      vnasdsl layers --json
    """
    catalogue = catalogue_for(Path("project.vns"))
    chosen = [_find(name, catalogue) for name in names] or list(catalogue.layers.values())
    if as_json:
        click.echo(json.dumps([_object(layer) for layer in chosen], indent=2))
    elif names:
        click.echo("\n\n".join(map(_described, chosen)))
    else:
        for layer in chosen:
            click.echo(f"{_written(layer)}{'' if layer.name in CATALOGUE else '  (of this project)'}")


def _find(name: str, catalogue: Catalogue) -> Layer:
    if name not in catalogue.layers:
        help = did_you_mean(name, catalogue.layers) or "`vnasdsl layers` lists them"
        raise UserError(f"there is no layer `{name}`", help)
    return catalogue.layers[name]


def _written(layer: Layer) -> str:
    return f"{layer.signature} {{ ... }}" if layer.wraps else layer.signature


def _described(layer: Layer) -> str:
    rows = [
        f"  {p.name}: {p.doc}{'' if p.required else f' [default: {show_value(p.default)}]'}" for p in layer.parameters
    ]
    return "\n".join([_written(layer), f"  {layer.doc}", *rows])


def _object(layer: Layer) -> dict[str, object]:
    parameters = [
        {"name": p.name, "kind": p.kind, "default": None if p.required else show_value(p.default), "doc": p.doc}
        for p in layer.parameters
    ]
    own = layer.name not in CATALOGUE
    return {"name": layer.name, "signature": _written(layer), "doc": layer.doc, "own": own, "parameters": parameters}


@click.command("zoo")
@json_option
@gc_paused()
def zoo_command(as_json: bool) -> None:
    """List the published networks that come with vnasdsl: MACs of a clip and parameters with 400 classes, where each is
    from, and how far it was compared with that.

    Every command takes them by name, and weights of torchvision and pytorchvideo fit them.

    \b
    Examples:
      vnasdsl zoo
      vnasdsl show vnasdsl:zoo/r3d_18
      vnasdsl diff vnasdsl:zoo/slowfast vnasdsl:zoo/slow
      vnasdsl evaluate vnasdsl:zoo/r3d_18 --weights torchvision:r3d_18.pth --data folder:videos
    """
    from vnasdsl.show.zoo import published, zoo_table

    if as_json:
        print_json([each.as_object for each in published()])
    else:
        click.echo(zoo_table())
