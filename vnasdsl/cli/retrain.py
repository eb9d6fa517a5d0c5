"""`vnasdsl retrain`: train a network, from the weights of its search or from scratch."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from vnasdsl.cli.options import device_option, input_options, json_option, quiet_option, seed_option, set_option
from vnasdsl.cli.output import echo


@click.command()
@click.argument("target", metavar="RUN|FILE.vns[:NAME]")
@click.option(
    "--weights",
    metavar="FILE|none",
    help="Weights to begin with, .safetensors; none: from scratch. Default: those of RUN; for a FILE, none.",
)
@click.option("--data", metavar="SPEC", help="Videos (default those of RUN), as `vnasdsl data info --help` lists.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of this training.")
@click.option("--recipe", metavar="NAME", help="A retrain recipe of the file (default its first for the network).")
@set_option
@input_options
@device_option
@seed_option
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Processes that decode videos.")
@click.option("--resume", is_flag=True, help="Go on after the last finished epoch of the training in --out.")
@quiet_option
@json_option
def command(
    target: str,
    weights: str | None,
    data: str | None,
    out: Path | None,
    recipe: str | None,
    settings: dict[str, str],
    frames: int | None,
    size: int | None,
    classes: int | None,
    device: str,
    seed: int | None,
    workers: int | None,
    resume: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a network on the whole training set, then evaluate it on the test videos over several views.

    RUN is the folder of a search: its network starts from the weights it has in the supernet, unless --weights none.
    Weights are matched by name and shape; what matched is reported.

    \b
    Examples:
      vnasdsl retrain runs/tiny
      vnasdsl retrain runs/tiny --weights none --out runs/scratch
      vnasdsl retrain nets/mine.vns --data folder:videos --out runs/mine --set epochs=30
      vnasdsl retrain runs/kinetics --data ucf101:data/UCF101 --out runs/ucf --set weights.lr=0.01
    """
    from vnasdsl.cli.runs import (
        checked_recipe,
        command_line,
        evaluate_recipe,
        find_recipe,
        is_run,
        open_space,
        resumable,
        run_recipe,
    )
    from vnasdsl.data import open_data
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.train.recipes import RetrainRecipe

    run = Path(target) if is_run(target) else None
    if run is not None:
        from vnasdsl.train.run_folder import RunFolder

        facts = RunFolder(run).facts()
        if not (run / "network.vns").is_file():
            raise UserError(f"`{run}` has no network yet", f"finish the search, or decode it by `vnasdsl derive {run}`")
        if recipe is not None:
            raise UserError("--recipe needs a FILE.vns", "a run keeps one retrain recipe; change its values by --set")
        spec = data or facts["data"]
        folder = out or run / "retrained"
        begin = weights or str(run / "network.safetensors")
    elif data is None or out is None:
        raise UserError(f"`{target}` is a text: --data and --out are needed to train it")
    else:
        spec, folder, begin = data, out, weights or "none"
    videos = open_data(spec)
    program, network = open_space(str(run / "network.vns") if run else target, videos, frames, size, classes)
    if network.kind != "network":
        raise UserError(f"`{network.name}` is a space: choose a network first", f"vnasdsl search {target}")
    source = run_recipe(run, "retrain") if run else find_recipe(program, "retrain", network, recipe)
    wanted = checked_recipe("retrain", source, settings, seed, workers)
    assert isinstance(wanted, RetrainRecipe)
    scoring_source = run_recipe(run, "evaluate") if run else find_recipe(program, "evaluate", network)
    recipes = {"retrain": wanted, "evaluate": evaluate_recipe(scoring_source, wanted, settings)}

    from vnasdsl.train.devices import pick_device
    from vnasdsl.train.progress import Reporter, megas, percent
    from vnasdsl.train.retrain import Start, retrain

    start = None if begin == "none" else Start.read(Path(begin))
    reporter = Reporter(quiet)
    with resumable(folder, reporter):
        trained = retrain(
            network, recipes, videos, folder, pick_device(device), reporter, start, resume, command_line()
        )
    if as_json:
        click.echo(json.dumps({"run": str(folder), **trained.as_dict()}))
        return
    result = trained.evaluation
    origin = "from scratch" if trained.inheritance is None else f"from {begin}"
    echo(f"network  {folder / 'network.vns'}")
    echo(f"code     {folder / 'network.py'}")
    echo(f"weights  {trained.weights} (trained {origin})")
    echo(
        f"{percent(result.top1)} top-1, {percent(result.top5)} top-5 on {result.videos} test videos,"
        f" {wanted.clips} x {wanted.crops} views; {megas(network.macs[0])} per view, {network.params[0]:,} parameters"
    )
    echo(f"evaluate it: {shlex.join(['vnasdsl', 'evaluate', str(folder)])}")
