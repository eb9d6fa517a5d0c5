"""`vnasdsl demo`: the whole chain on a small space."""

from __future__ import annotations

from pathlib import Path

import click

from vnasdsl.cli.options import json_option, quiet_option, set_option


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs/demo"),
    show_default=True,
    metavar="DIR",
    help="Folder of the results.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, metavar="N")
@click.option("--data", default="synthetic", show_default=True, metavar="SPEC", help="Videos to run it on.")
@set_option
@click.option("--force", is_flag=True, help="Replace an earlier demo in DIR.")
@quiet_option
@json_option
def command(out: Path, seed: int, data: str, settings: dict[str, str], force: bool, quiet: bool, as_json: bool) -> None:
    """Compile a small space, search and decode it, retrain what was found, compare it with random networks.

    Runs on two CPU cores in minutes. The videos are real encoded files whose classes differ only by motion, made on
    the first use. --set changes the search recipe.

    \b
    Examples:
      vnasdsl demo
      vnasdsl demo --seed 1 --out runs/demo1
    """
    import shutil

    from rich.console import Console

    from vnasdsl.cli.runs import checked_recipe, command_line, evaluate_recipe, find_recipe
    from vnasdsl.elaborate import load
    from vnasdsl.language.diagnostics import UserError
    from vnasdsl.resources import spaces_dir

    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        if not force:
            raise UserError(f"`{out}` is not empty", "give another --out, or replace it by --force")
        if not (out / "results.json").is_file() and not (out / "search").is_dir():
            raise UserError(f"`{out}` does not hold an earlier demo, so it is not replaced", "give another --out")
        shutil.rmtree(out)
    file = spaces_dir() / "tiny.vns"
    program = load(file)
    space = program.get()
    search = checked_recipe("search", find_recipe(program, "search", space), settings, seed, None)
    after = checked_recipe("retrain", find_recipe(program, "retrain", space), {}, seed, None)
    recipes = {
        "search": search,
        "retrain": after,
        "evaluate": evaluate_recipe(find_recipe(program, "evaluate", space), after, {}),
    }

    from vnasdsl.search.demonstration import demonstrate
    from vnasdsl.show.results import results_table
    from vnasdsl.train.progress import Reporter, duration

    shown = demonstrate(
        file, spaces_dir() / "tiny_spatial.vns", recipes, data, out, seed, Reporter(quiet), command_line()
    )
    if as_json:
        click.echo((out / "results.json").read_text(encoding="utf-8"), nl=False)
        return
    Console(width=100, highlight=False).print(
        results_table(f"{space.name} on {data}, seed {seed}", shown.rows, shown.views)
    )
    for picture in shown.pictures:
        click.echo(f"picture  {picture}")
    click.echo(f"results  {out / 'results.json'}  ({duration(shown.seconds)})")
