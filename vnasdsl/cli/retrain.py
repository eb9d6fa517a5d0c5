"""`vnasdsl retrain`: train a network, from the weights of its search or from scratch."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnasdsl.cli.options import (
    devices_option,
    exclude_option,
    input_options,
    log_option,
    option,
    out_option,
    seed_option,
    set_option,
    training_options,
)
from vnasdsl.cli.output import print_json
from vnasdsl.language.visible import visible

if TYPE_CHECKING:
    from vnasdsl.elaborate import Overrides


@click.command()
@click.argument("target", metavar="RUN|FILE.vns[:NAME]")
@option(
    "--weights",
    "FILE|none",
    "Weights to start from, .safetensors or `torchvision:FILE` (or pytorchvideo's); none: from scratch."
    "  [default: those of RUN; for a FILE none]",
)
@click.option("--mapping", metavar="FILE.toml", help="What the tensors in --weights are called here.")
@click.option("--data", metavar="SPEC", help="Videos; `vnasdsl data info --help` lists the forms.  [default: RUN's]")
@exclude_option
@out_option("DIR", "Folder of this training.  [default: RUN/retrained]")
@click.option("--recipe", metavar="NAME", help="A retrain recipe of the file.  [default: the network's first]")
@set_option
@input_options
@seed_option
@click.option("--resume", is_flag=True, help="Continue the training in --out after its last finished epoch.")
@devices_option
@log_option
@training_options
def command(
    target: str,
    weights: str | None,
    mapping: str | None,
    data: str | None,
    exclude: str | None,
    out: Path | None,
    recipe: str | None,
    settings: dict[str, str],
    overrides: Overrides,
    seed: int | None,
    resume: bool,
    devices: int,
    logs: tuple[str, ...],
    device: str,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a network on the whole training set, then evaluate it on the test videos over several views.

    RUN is the folder of a search: its network starts from the weights it has in the supernet, unless --weights none.
    Weights are matched by name and shape, and what matched is reported.

    \b
    Examples:
      vnasdsl retrain runs/tiny
      vnasdsl retrain runs/tiny --weights none --out runs/scratch
      vnasdsl retrain nets/mine.vns --data folder:videos --out runs/mine --set epochs=30
      vnasdsl retrain vnasdsl:zoo/r3d_18 --weights torchvision:r3d_18.pth --data folder:videos --out runs/mine
      vnasdsl retrain runs/kinetics --data ucf101:data/UCF101 --out runs/ucf --set weights.lr=0.01
    """
    from vnasdsl.api.requests import Asked, training_request
    from vnasdsl.cli.runs import command_line, reporter_of, resumable
    from vnasdsl.train.launch import on_devices
    from vnasdsl.train.progress import megas, percent
    from vnasdsl.train.retrain import retrain

    asked = Asked(target, data, exclude, recipe, settings, overrides, seed, workers)
    job = training_request(asked, weights, out, mapping)
    folder, reporter = job.folder, reporter_of(quiet, logs, job.folder)
    with resumable(folder, reporter):
        start, line = job.start, command_line()
        work = partial(retrain, job.network, job.recipes, job.data, folder, start=start, resume=resume, command=line)
        trained = on_devices(work, device, devices, reporter)
    if trained is None:  # torchrun's first process says it
        return
    if as_json:
        print_json({"run": str(folder), **trained.as_dict()})
        return
    result, network, views = trained.evaluation, job.network, job.recipes["retrain"]
    origin = "from scratch" if trained.inheritance is None else f"from {job.begin}"
    click.echo(visible(f"network  {folder / 'network.vns'}"))
    click.echo(visible(f"code     {folder / 'network.py'}"))
    click.echo(visible(f"weights  {trained.weights} (trained {origin})"))
    click.echo(
        f"{percent(result.top1)} top-1, {percent(result.top5)} top-5 on {result.videos} test videos,"
        f" {views.clips} x {views.crops} views; {megas(network.macs[0])} per view, {network.params[0]:,} parameters"
    )
    click.echo(f"evaluate it: {visible(shlex.join(['vnasdsl', 'evaluate', str(folder)]))}")
