"""`vnasdsl report`: one HTML file that shows runs."""

from __future__ import annotations

from pathlib import Path

import click

from vnasdsl.cli.options import FILE, option
from vnasdsl.cli.output import tell_written


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@option("-o --output", "FILE", "File to write.", FILE, default=Path("report.html"))
@option("--videos", "N", "Show this many of the videos that are classified worst.", click.IntRange(min=0), default=12)
def command(runs: tuple[Path, ...], output: Path, videos: int) -> None:
    """Write a report of a search or training, or of several side by side: one HTML file that opens without a network.

    It holds the result and what to think of it, curves, the trellis with its path, the probabilities of every choice
    over the epochs, the network, figures by class, the videos that are classified worst, recipe and environment. A
    training in a folder of its search (RUN/retrained) is part of the report. A run that goes on is shown as far as it
    is.

    \b
    Examples:
      vnasdsl report runs/tiny
      vnasdsl report runs/tiny runs/other -o compared.html
    """
    from vnasdsl.files import write_atomic
    from vnasdsl.runs.folder import RunReader
    from vnasdsl.runs.report import report_html

    html = report_html([RunReader(run) for run in runs], videos)
    tell_written(output, write_atomic(output, html))
