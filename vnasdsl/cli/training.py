"""`vnasdsl search`, `derive` and `retrain`: a space and videos in, a trained network out."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vnasdsl.cli.options import (
    FILE,
    amount_option,
    device_option,
    devices_option,
    exclude_option,
    fix_options,
    input_options,
    json_option,
    log_option,
    option,
    out_option,
    print_json,
    quiet_option,
    seed_option,
    set_option,
    training_options,
)
from vnasdsl.language.visible import visible

if TYPE_CHECKING:
    pass


@click.command("search")
@click.argument("space", required=False, metavar="[FILE[:NAME]]")
@click.option("--data", metavar="SPEC", help="Videos: ucf101:DIR, synthetic, ...; see `vnasdsl data info --help`.")
@exclude_option
@out_option("RUN", "Folder of the run.  [default: runs/NAME]")
@click.option("--recipe", metavar="NAME", help="A search recipe of the file.  [default: the space's first]")
@set_option
@amount_option("--target-macs", "MACs that the gradient is to end at, such as 10G: the weight of the cost adapts.")
@amount_option("--target-params", "The same for parameters, such as 2M.")
@fix_options
@input_options
@device_option
@devices_option
@seed_option
@option(
    "--workers",
    "N|ray:N|ray://HOST:PORT",
    "Processes that decode videos; for evolution and random search those that train networks: N here, N on a"
    " local Ray cluster, or those of a running Ray cluster.",
)
@click.option("--resume", is_flag=True, help="Continue the run in --out after its last finished epoch or trial.")
@log_option
@quiet_option
@json_option
def search_command(
    space: str | None,
    data: str | None,
    out: Path | None,
    recipe: str | None,
    target_macs: float | None,
    target_params: float | None,
    fix: dict[str, list[str]],
    open_: tuple[str, ...],
    device: str,
    devices: int,
    resume: bool,
    logs: tuple[str, ...],
    quiet: bool,
    as_json: bool,
    **more: Any,
) -> None:
    """Search a space on videos and write the network found, its code and its weights into RUN.

    Without arguments, it searches what [tool.vnasdsl] in pyproject.toml names. The recipe is part of the file of the
    space; keys that it leaves out are those of Zhou et al. 2021.

    \b
    Examples:
      vnasdsl search
      vnasdsl search spaces/tiny.vns --data synthetic --out runs/tiny
      vnasdsl search spaces/x3d3.vns --data ucf101:data/UCF101 --out runs/ucf --set batch=4
      vnasdsl search spaces/x3d3.vns --data ucf101:data/UCF101 --out runs/ucf --devices 2
      vnasdsl search spaces/x3d3.vns --data synthetic --size 112 --frames 8 --set epochs=10
      vnasdsl search spaces/tiny.vns --data synthetic --out runs/tiny --resume
      vnasdsl search spaces/x3d3.vns --data ucf101:data/UCF101 --target-macs 10G
      vnasdsl search spaces/tiny.vns --data synthetic --set strategy=evolution --set rounds=40 --workers 2
    \b
    The rows of Table 6 of that paper (--fix leaves a choice only these options):
      channels only          --fix 'op=basic(1)'
      operations only        --fix 'op=basic(1)|basic(2)|basic(4)' --fix channels=64,112,176,224,288,512
      number only            --fix 'op=basic(1)|skip' --fix channels=64,112,176,224,288,512
      channels and number    --fix 'op=basic(1)|skip'
      operations and number  --fix channels=64,112,176,224,288,512
      all three, 40 epochs   --set epochs=40
    """
    from vnasdsl.api.requests import Asked, free_folder, search_request
    from vnasdsl.cli.runs import command_line, reporter_of, resumable, tell_outcome
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.project import read_settings
    from vnasdsl.searching.run import search_space
    from vnasdsl.train.launch import on_devices, require_shared_steps

    if target_macs is not None and target_params is not None:
        raise click.UsageError("--target-macs and --target-params: a search has one target")
    project = read_settings()
    target = space or project.space
    if target is None:
        raise UserError(
            "there is no space to search",
            "name a file, or set `space` under [tool.vnasdsl] in pyproject.toml; `vnasdsl new DIR` writes a project",
        )
    named = recipe or (project.recipe if space is None else None)
    asked = Asked(target, data or project.data, recipe=named, **more)
    request = search_request(asked, fix, open_, target_macs, target_params, command_line())
    require_shared_steps(request.recipes["search"], devices)
    folder = out or free_folder(Path(project.out or "runs"), request.space.name, resume)
    reporter = reporter_of(quiet, logs, folder)
    with resumable(folder, reporter):
        outcome = on_devices(partial(search_space, request, folder, resume=resume), device, devices, reporter)
    if outcome is not None:
        tell_outcome(folder, outcome, [str(folder)], as_json)


@click.command("retrain")
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
def retrain_command(
    target: str,
    weights: str | None,
    mapping: str | None,
    out: Path | None,
    resume: bool,
    devices: int,
    logs: tuple[str, ...],
    device: str,
    quiet: bool,
    as_json: bool,
    **more: Any,
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

    job = training_request(Asked(target, **more), weights, out, mapping)
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


@click.command("derive")
@click.argument("run", type=click.Path(path_type=Path))
@option(
    "-o --output", "FILE.vns", "Write the network here, code and weights beside it.  [default: RUN/network.vns]", FILE
)
@option("--checkpoint", "NAME", "last, best (by its score), or its name.", default="last")
@click.option("--data", metavar="SPEC", help="The run's videos, where they have been moved.")
@amount_option("--max-macs", "The most probable network of at most N MACs, such as 10G: see --top.")
@amount_option("--max-params", "The same of at most N parameters.")
@option(
    "--top",
    "N",
    "The N most probable networks, widths and operations decided together; the first is written.",
    click.IntRange(1, 100),
)
@click.option("--curve", is_flag=True, help="The greatest probability within every budget, as table and picture.")
@training_options
def derive_command(
    run: Path,
    output: Path | None,
    checkpoint: str,
    data: str | None,
    max_macs: float | None,
    max_params: float | None,
    top: int | None,
    curve: bool,
    device: str,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Decode the network of a search again: argmax for each layer, Viterbi over the path weights.

    `search` does this at its end; `derive` does it for a search that was interrupted, or for its best epoch. With a
    budget, --top or --curve it takes the most probable network instead, and compares it with what Viterbi, greedy
    decoding and argmax give.

    \b
    Examples:
      vnasdsl derive runs/tiny
      vnasdsl derive runs/tiny --checkpoint best -o nets/tiny_best.vns
      vnasdsl derive runs/x3d3 --max-macs 10G --top 5 --curve
    """
    from vnasdsl.cli.runs import tell_outcome
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.searching.probable import Wanted
    from vnasdsl.searching.run import derive_again
    from vnasdsl.train.devices import pick_device
    from vnasdsl.train.progress import Reporter
    from vnasdsl.train.run_folder import RunFolder

    if output is not None and output.suffix != ".vns":
        raise UserError(f"`{output}` does not end in .vns")
    asked = curve or any(value is not None for value in (max_macs, max_params, top))
    wanted = Wanted(top or 1, max_macs, max_params, curve) if asked else None
    outcome = derive_again(run, checkpoint, output, pick_device(device), Reporter(quiet), workers, wanted, data)
    again = [str(run)]
    if output is not None:  # a file of its own, which the run does not know
        weights, videos = str(outcome.weights or "none"), data or RunFolder(run).facts()["data"]
        again = [str(output), "--weights", weights, "--data", videos, "--out", str(output.with_suffix(""))]
    tell_outcome(run, outcome, again, as_json)
