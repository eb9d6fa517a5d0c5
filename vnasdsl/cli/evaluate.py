"""`vnasdsl evaluate`: accuracy of trained weights over several views."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnasdsl.cli.options import POSITIVE, input_options, set_option, training_options
from vnasdsl.cli.output import print_json
from vnasdsl.language.visible import visible

if TYPE_CHECKING:
    from vnasdsl.elaborate import Overrides


@click.command()
@click.argument("target", metavar="RUN|FILE.vns[:NAME]")
@click.option(
    "--weights", type=click.Path(path_type=Path), metavar="FILE", help="Weights, .safetensors.  [default: RUN's]"
)
@click.option("--data", metavar="SPEC", help="Videos, of which the test part is used.  [default: RUN's]")
@click.option("--recipe", metavar="NAME", help="An evaluate recipe of the file.  [default: the network's first]")
@click.option("--clips", type=POSITIVE, metavar="N", help="Clips of each video, instead of the recipe's.")
@click.option("--crops", type=click.IntRange(1, 3), metavar="M", help="Crops of each clip, instead of the recipe's.")
@set_option
@input_options
@training_options
def command(
    target: str,
    weights: Path | None,
    data: str | None,
    recipe: str | None,
    clips: int | None,
    crops: int | None,
    settings: dict[str, str],
    overrides: Overrides,
    device: str,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Evaluate a network on test videos: softmax scores averaged over N x M views of each (10 clips x 3 crops).

    RUN is the folder of a training, or of a search (then the inherited weights are evaluated).

    \b
    Examples:
      vnasdsl evaluate runs/tiny/retrained
      vnasdsl evaluate runs/tiny/retrained --clips 1 --crops 1 --json
      vnasdsl evaluate nets/mine.vns --weights mine.safetensors --data folder:videos
      vnasdsl evaluate nets/mine.vns --weights mine.safetensors --data folder:videos --recipe quick
    """
    from vnasdsl.cli.runs import checked_recipe, find_recipe, open_run, open_space, run_recipe
    from vnasdsl.data import open_data
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.train.recipes import EvaluateRecipe

    run = open_run(target, "evaluate", recipe)
    if run is None and (data is None or weights is None):
        raise UserError(f"`{target}` is a file: give --data and --weights to evaluate it")
    spec = data or (run.facts["data"] if run else "")
    file = weights or (run.folder / "network.safetensors" if run else Path())
    videos = open_data(spec)
    if run is not None and list(videos.classes) != run.facts["classes"]:
        raise UserError(
            f"`{spec}` has other classes than `{target}` was trained for:"
            f" {len(videos.classes)} and {len(run.facts['classes'])}, or other names or another order",
            "train it on these data first: vnasdsl retrain",
        )
    program, network = open_space(run.network if run else target, videos, overrides)
    if network.kind != "network":
        raise UserError(f"`{network.name}` is a space: only a network can be evaluated")
    source = run_recipe(run.folder, "evaluate") if run else find_recipe(program, "evaluate", network, recipe)
    given = {key: str(value) for key, value in (("clips", clips), ("crops", crops)) if value is not None}
    wanted = checked_recipe("evaluate", source, {**settings, **given}, None, workers)
    assert isinstance(wanted, EvaluateRecipe)

    from vnasdsl.train.devices import pick_device
    from vnasdsl.train.progress import Reporter, megas, percent
    from vnasdsl.train.retrain import evaluate_file

    result = evaluate_file(network, file, wanted, videos, pick_device(device), Reporter(quiet))
    if as_json:
        figures = {"weights": str(file), "macs": network.macs[0], "params": network.params[0]}
        print_json({**figures, **result.as_dict()})
        return
    shares = {visible(name): share for name, share in result.per_class.items()}
    width = max(map(len, shares))
    for name, share in shares.items():
        click.echo(f"{name:<{width}}  {percent(share):>8}")
    click.echo(
        f"{percent(result.top1)} top-1, {percent(result.top5)} top-5 on {result.videos} videos,"
        f" {wanted.clips} x {wanted.crops} views; {megas(network.macs[0])} per view, {network.params[0]:,} parameters"
    )
