"""`vnasdsl zoo`: the networks of the literature that come with vnasdsl."""

from __future__ import annotations

import click

from vnasdsl.cli.options import json_option
from vnasdsl.cli.output import print_json
from vnasdsl.language.gc_paused import gc_paused


@click.command()
@json_option
@gc_paused()
def command(as_json: bool) -> None:
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
