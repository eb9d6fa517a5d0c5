"""`vnasdsl retrain`: train a network, from the weights of its search or from scratch."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnasdsl.cli.options import devices_option, input_options, out_option, seed_option, set_option, training_options
from vnasdsl.cli.output import print_json
from vnasdsl.language.visible import visible

if TYPE_CHECKING:
    from vnasdsl.elaborate import Overrides


@click.command()
@click.argument("target", metavar="RUN|FILE.vns[:NAME]")
@click.option(
    "--weights",
    metavar="FILE|none",
    help="Weights to start from, .safetensors; none: from scratch.  [default: those of RUN; for a FILE none]",
)
@click.option("--data", metavar="SPEC", help="Videos; `vnasdsl data info --help` lists the forms.  [default: RUN's]")
@out_option("DIR", "Folder of this training.  [default: RUN/retrained]")
@click.option("--recipe", metavar="NAME", help="A retrain recipe of the file.  [default: the network's first]")
@set_option
@input_options
@seed_option
@click.option("--resume", is_flag=True, help="Continue the training in --out after its last finished epoch.")
@devices_option
@training_options
def command(
    target: str,
    weights: str | None,
    data: str | None,
    out: Path | None,
    recipe: str | None,
    settings: dict[str, str],
    overrides: Overrides,
    seed: int | None,
    resume: bool,
    devices: int,
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
      vnasdsl retrain runs/kinetics --data ucf101:data/UCF101 --out runs/ucf --set weights.lr=0.01
    """
    from vnasdsl.cli import runs
    from vnasdsl.cli.devices import rank_on, reporter_of, start_ranks
    from vnasdsl.data import open_data
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.train.recipes import RetrainRecipe

    run = runs.open_run(target, "retrain", recipe)
    if run is None and (data is None or out is None):
        raise UserError(f"`{target}` is a file: give --data and --out to train it")
    folder = out or (run.folder / "retrained" if run else Path())
    videos = open_data(data or (run.data if run else ""))
    program, network = runs.open_space(run.network if run else target, videos, overrides)
    if network.kind != "network":
        raise UserError(f"`{network.name}` is a space: choose a network first", f"vnasdsl search {target}")
    source = runs.run_recipe(run.folder, "retrain") if run else runs.find_recipe(program, "retrain", network, recipe)
    wanted = runs.checked_recipe("retrain", source, settings, seed, workers)
    assert isinstance(wanted, RetrainRecipe)
    scoring = runs.run_recipe(run.folder, "evaluate") if run else runs.find_recipe(program, "evaluate", network)
    recipes = {"retrain": wanted, "evaluate": runs.evaluate_recipe(scoring, wanted, settings)}

    from vnasdsl.train import ranks
    from vnasdsl.train.devices import pick_device
    from vnasdsl.train.model_file import weights_of
    from vnasdsl.train.progress import megas, percent
    from vnasdsl.train.retrain import Start, retrain

    begin = weights or (str(weights_of(run.folder)) if run else "none")
    start = None if begin == "none" else Start.read(Path(begin))
    reporter = reporter_of(quiet)
    with runs.resumable(folder, reporter):
        place = pick_device(device, devices)
        if start_ranks(devices, folder):
            return
        with rank_on(place):
            trained = retrain(network, recipes, videos, folder, place, reporter, start, resume, runs.command_line())
            if not ranks.is_first():
                return
    if as_json:
        print_json({"run": str(folder), **trained.as_dict()})
        return
    result = trained.evaluation
    origin = "from scratch" if trained.inheritance is None else f"from {begin}"
    click.echo(visible(f"network  {folder / 'network.vns'}"))
    click.echo(visible(f"code     {folder / 'network.py'}"))
    click.echo(visible(f"weights  {trained.weights} (trained {origin})"))
    click.echo(
        f"{percent(result.top1)} top-1, {percent(result.top5)} top-5 on {result.videos} test videos,"
        f" {wanted.clips} x {wanted.crops} views; {megas(network.macs[0])} per view, {network.params[0]:,} parameters"
    )
    click.echo(f"evaluate it: {visible(shlex.join(['vnasdsl', 'evaluate', str(folder)]))}")
