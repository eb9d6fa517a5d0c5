"""`vnasdsl runs`: the runs in a folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from vnasdsl.cli.options import json_option
from vnasdsl.cli.output import print_json
from vnasdsl.language.visible import visible


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), default="runs")
@json_option
def command(folder: Path, as_json: bool) -> None:
    """List the runs in DIR and below it: state, progress, best accuracy, age. DIR is `runs` by default.

    A run is running (a process writes into it), finished, or stopped: then --resume continues it. The accuracy is the
    best one known so far; what it was measured on stands beside it.

    \b
    Examples:
      vnasdsl runs
      vnasdsl runs /data/experiments --json
    """
    from vnasdsl.runs.folder import runs_below
    from vnasdsl.runs.terminal import runs_table, summary

    now = datetime.now(UTC)
    rows = [summary(path, run, now) for path, run in runs_below(folder)]
    if as_json:
        print_json(rows)
    elif rows:
        click.echo(runs_table(rows))
        for row in rows:
            if "error" in row:
                click.echo(f"warning: {visible(row['error'])}", err=True)
    else:
        click.echo(f"there are no runs in {folder}")
