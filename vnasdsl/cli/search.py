"""`vnasdsl search`: a space and videos in, a network with weights out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnasdsl.cli.options import (
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
    quiet_option,
    seed_option,
    set_option,
)

if TYPE_CHECKING:
    from vnasdsl.elaborate import Overrides


@click.command()
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
def command(
    space: str | None,
    data: str | None,
    exclude: str | None,
    out: Path | None,
    recipe: str | None,
    settings: dict[str, str],
    target_macs: float | None,
    target_params: float | None,
    fix: dict[str, list[str]],
    open_: tuple[str, ...],
    overrides: Overrides,
    device: str,
    devices: int,
    seed: int | None,
    workers: str | None,
    resume: bool,
    logs: tuple[str, ...],
    quiet: bool,
    as_json: bool,
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
    asked = Asked(target, data or project.data, exclude, named, settings, overrides, seed, workers)
    request = search_request(asked, fix, open_, target_macs, target_params, command_line())
    require_shared_steps(request.recipes["search"], devices)
    folder = out or free_folder(Path(project.out or "runs"), request.space.name, resume)
    reporter = reporter_of(quiet, logs, folder)
    with resumable(folder, reporter):
        outcome = on_devices(partial(search_space, request, folder, resume=resume), device, devices, reporter)
    if outcome is not None:
        tell_outcome(folder, outcome, [str(folder)], as_json)
