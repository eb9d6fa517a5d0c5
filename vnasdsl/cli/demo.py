"""`vnasdsl demo`: the whole chain on a small space."""

from __future__ import annotations

from pathlib import Path

import click

from vnasdsl.cli.options import SEED, json_option, out_option, quiet_option, set_option
from vnasdsl.language.visible import visible


@click.command("demo")
@out_option("DIR", "Folder of the results.", default=Path("runs/demo"), show_default=True)
@click.option("--seed", type=SEED, default=0, show_default=True, metavar="N", help="Seed of everything random.")
@click.option("--data", default="periods", show_default=True, metavar="SPEC", help="Videos to run it on.")
@set_option
@click.option("--force", is_flag=True, help="Replace an earlier demo in DIR.")
@quiet_option
@json_option
def demo_command(
    out: Path, seed: int, data: str, settings: dict[str, str], force: bool, quiet: bool, as_json: bool
) -> None:
    """Compile a small space, search and decode it, retrain the network found, and compare it with random networks.

    Runs on two CPU cores in minutes. The videos are encoded files, made on first use, whose classes are periods of
    repetition: a single frame says nothing. --set changes the search recipe.

    \b
    Examples:
      vnasdsl demo
      vnasdsl demo --seed 1 --out runs/demo1
    """
    import os
    import shutil

    from vnasdsl.api.requests import checked_recipe, evaluate_recipe, find_recipe
    from vnasdsl.cli.runs import command_line
    from vnasdsl.elaborate import load
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.resources import spaces_dir

    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        if not force:
            raise UserError(f"`{out}` is not empty", "give another --out, or replace it with --force")
        if not (out / "results.json").is_file() and not (out / "search").is_dir():
            raise UserError(f"`{out}` does not hold an earlier demo, so it is not replaced", "give another --out")
        shutil.rmtree(out)
    file = spaces_dir() / "demo.vns"
    settings = {"pool": f'"{min(2, os.cpu_count() or 1)}"', **settings}
    program = load(file)
    space = program.get()
    after = checked_recipe("retrain", find_recipe(program, "retrain", space), {}, seed, None)
    recipes = {
        "search": checked_recipe("search", find_recipe(program, "search", space), settings, seed, None),
        "retrain": after,
        "evaluate": evaluate_recipe(find_recipe(program, "evaluate", space), after, {}),
    }

    from vnasdsl.searching.demonstration import demonstrate
    from vnasdsl.show.results import results_table
    from vnasdsl.train.progress import Reporter, duration

    spatial = spaces_dir() / "mini_spatial.vns"
    shown = demonstrate(file, spatial, recipes, data, out, seed, Reporter(quiet), command_line())
    if as_json:
        click.echo((out / "results.json").read_text(encoding="utf-8"), nl=False)
        return
    click.echo(results_table(f"{space.name} on {visible(data)}, seed {seed}", shown.rows, shown.views))
    click.echo(shown.verdict)
    for picture in shown.pictures:
        click.echo(visible(f"picture  {picture}"))
    click.echo(visible(f"results  {out / 'results.json'}  ({duration(shown.seconds)})"))
