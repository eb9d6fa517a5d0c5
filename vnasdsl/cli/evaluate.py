"""`vnasdsl evaluate`: accuracy of trained weights over several views."""

from __future__ import annotations

import json
from pathlib import Path

import click

from vnasdsl.cli.options import device_option, input_options, json_option, quiet_option, set_option
from vnasdsl.cli.output import echo


@click.command()
@click.argument("target", metavar="RUN|FILE.vns[:NAME]")
@click.option(
    "--weights", type=click.Path(path_type=Path), metavar="FILE", help="Weights, .safetensors (default RUN's)."
)
@click.option("--data", metavar="SPEC", help="Videos (default those of RUN); the test part is used.")
@click.option("--recipe", metavar="NAME", help="An evaluate recipe of the file (default its first for the network).")
@click.option("--clips", type=click.IntRange(min=1), metavar="N", help="Clips of each video (recipe's, 10).")
@click.option("--crops", type=click.IntRange(1, 3), metavar="M", help="Crops of each clip (recipe's, 3).")
@set_option
@input_options
@device_option
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Processes that decode videos.")
@quiet_option
@json_option
def command(
    target: str,
    weights: Path | None,
    data: str | None,
    recipe: str | None,
    clips: int | None,
    crops: int | None,
    settings: dict[str, str],
    frames: int | None,
    size: int | None,
    classes: int | None,
    device: str,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Evaluate a network on test videos: softmax scores averaged over N clips x M crops of each (10 x 3).

    RUN is the folder of a training or of a search (then the inherited weights are evaluated).

    \b
    Examples:
      vnasdsl evaluate runs/tiny/retrained
      vnasdsl evaluate runs/tiny/retrained --clips 1 --crops 1 --json
      vnasdsl evaluate nets/mine.vns --weights mine.safetensors --data folder:videos
      vnasdsl evaluate nets/mine.vns --weights mine.safetensors --data folder:videos --recipe quick
    """
    from vnasdsl.cli.runs import checked_recipe, find_recipe, is_run, open_space, run_recipe
    from vnasdsl.data import open_data
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.train.recipes import EvaluateRecipe

    run = Path(target) if is_run(target) else None
    given = {key: str(value) for key, value in (("clips", clips), ("crops", crops)) if value is not None}
    known_classes = None
    if run is not None:
        from vnasdsl.train.run_folder import RunFolder

        facts = RunFolder(run).facts()
        known_classes = facts["classes"]
        spec = data or facts["data"]
        file = weights or run / "network.safetensors"
        if not (run / "network.vns").is_file():
            raise UserError(f"`{run}` has no network yet", "finish it by --resume")
        if recipe is not None:
            raise UserError("--recipe needs a FILE.vns", "a run keeps one evaluate recipe; change its values by --set")
    elif data is None or weights is None:
        raise UserError(f"`{target}` is a text: --data and --weights are needed to evaluate it")
    else:
        spec, file = data, weights
    videos = open_data(spec)
    if known_classes is not None and list(videos.classes) != known_classes:
        raise UserError(
            f"`{spec}` has other classes than `{run}` was trained for:"
            f" {len(videos.classes)} against {len(known_classes)}, or others in name or order",
            "train it on these data first: vnasdsl retrain",
        )
    program, network = open_space(str(run / "network.vns") if run else target, videos, frames, size, classes)
    if network.kind != "network":
        raise UserError(f"`{network.name}` is a space: only a network can be evaluated")
    source = run_recipe(run, "evaluate") if run else find_recipe(program, "evaluate", network, recipe)
    wanted = checked_recipe("evaluate", source, {**settings, **given}, None, workers)
    assert isinstance(wanted, EvaluateRecipe)

    from vnasdsl.train.devices import pick_device
    from vnasdsl.train.progress import Reporter, megas, percent
    from vnasdsl.train.retrain import evaluate_file

    result = evaluate_file(network, file, wanted, videos, pick_device(device), Reporter(quiet))
    figures = {"weights": str(file), "macs": network.macs[0], "params": network.params[0], **result.as_dict()}
    if as_json:
        click.echo(json.dumps(figures))
        return
    width = max(len(name) for name in result.per_class)
    for name, share in result.per_class.items():
        echo(f"{name:<{width}}  {percent(share):>8}")
    echo(
        f"{percent(result.top1)} top-1, {percent(result.top5)} top-5 on {result.videos} videos,"
        f" {wanted.clips} x {wanted.crops} views; {megas(network.macs[0])} per view, {network.params[0]:,} parameters"
    )
