"""`vnasdsl search`: a space and videos in, a network with weights out."""

from __future__ import annotations

from pathlib import Path

import click

from vnasdsl.cli.options import (
    device_option,
    fix_options,
    input_options,
    json_option,
    quiet_option,
    seed_option,
    set_option,
)


@click.command()
@click.argument("space", required=False, metavar="[FILE[:NAME]]")
@click.option("--data", metavar="SPEC", help="Videos, as `vnasdsl data info --help` lists: ucf101:DIR, synthetic, ...")
@click.option("--out", type=click.Path(path_type=Path), metavar="RUN", help="Folder of the run (default runs/NAME).")
@click.option("--recipe", metavar="NAME", help="A search recipe of the file (default its first for the space).")
@set_option
@fix_options
@input_options
@device_option
@seed_option
@click.option(
    "--workers",
    metavar="N|ray:N|ray://HOST:PORT",
    help="Processes that decode videos; by evolution and random those that train networks: N here, N of a local Ray"
    " cluster, or a Ray cluster that runs.",
)
@click.option("--resume", is_flag=True, help="Go on after the last finished epoch, or trial, of the run in --out.")
@quiet_option
@json_option
def command(
    space: str | None,
    data: str | None,
    out: Path | None,
    recipe: str | None,
    settings: dict[str, str],
    fix: dict[str, list[str]],
    open_: tuple[str, ...],
    frames: int | None,
    size: int | None,
    classes: int | None,
    device: str,
    seed: int | None,
    workers: str | None,
    resume: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Search a space on videos and write the network found, its code and its weights into RUN.

    Without arguments: what [tool.vnasdsl] of the project's pyproject.toml names. The recipe and its keys stand in the
    file of the space; what it does not say is the recipe of Zhou et al. 2021.

    \b
    Examples:
      vnasdsl search
      vnasdsl search spaces/tiny.vns --data synthetic --out runs/tiny
      vnasdsl search spaces/x3d3.vns --data ucf101:data/UCF101 --out runs/ucf --set batch=4
      vnasdsl search spaces/x3d3.vns --data synthetic --size 112 --frames 8 --set epochs=10
      vnasdsl search spaces/tiny.vns --data synthetic --out runs/tiny --resume
      vnasdsl search spaces/tiny.vns --data synthetic --set strategy=evolution --set rounds=40 --workers 2
    \b
    The rows of Table 6 (--fix leaves a choice only these options):
      channels only          --fix 'op=basic(1)'
      operations only        --fix 'op=basic(1)|basic(2)|basic(4)' --fix channels=64,112,176,224,288,512
      number only            --fix 'op=basic(1)|skip' --fix channels=64,112,176,224,288,512
      channels and number    --fix 'op=basic(1)|skip'
      operations and number  --fix channels=64,112,176,224,288,512
      all three, 40 epochs   --set epochs=40
    """
    from vnasdsl.cli.runs import (
        checked_recipe,
        command_line,
        decoders,
        evaluate_recipe,
        find_recipe,
        fixes_of,
        free_folder,
        open_space,
        resumable,
        search_recipe,
        tell_outcome,
    )
    from vnasdsl.data import open_data
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.project import read_settings

    project = read_settings()
    target = space or project.space
    if target is None:
        raise UserError(
            "there is no space to search", "name a file, or set `space` under [tool.vnasdsl] in pyproject.toml"
        )
    spec = data or project.data
    if spec is None:
        raise UserError("there are no data to search on", "give --data, such as --data synthetic or --data ucf101:DIR")
    videos = open_data(spec)
    program, found = open_space(target, videos, frames, size, classes)
    source = find_recipe(program, "search", found, recipe or (project.recipe if space is None else None))
    wanted = search_recipe(source, settings, seed, workers)
    after = checked_recipe("retrain", find_recipe(program, "retrain", found), {}, seed, decoders(wanted, workers))
    scoring = evaluate_recipe(find_recipe(program, "evaluate", found), after, {})
    recipes = {"search": wanted, "retrain": after, "evaluate": scoring}
    fixes = fixes_of(found, getattr(wanted, "fix", ()), getattr(wanted, "open", ()), fix, open_)

    from vnasdsl.search.run import Request, search_space
    from vnasdsl.train.devices import pick_device
    from vnasdsl.train.progress import Reporter

    folder = out or free_folder(Path(project.out or "runs"), found.name, resume)
    request = Request(found, fixes, recipes, videos, command_line())
    reporter = Reporter(quiet)
    with resumable(folder, reporter):
        outcome = search_space(request, folder, pick_device(device), reporter, resume)
    tell_outcome(folder, outcome, [str(folder)], as_json)
