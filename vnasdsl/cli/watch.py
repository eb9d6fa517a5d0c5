"""`vnasdsl watch`: a run in the terminal while it goes on."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import click

from vnasdsl.cli.options import option


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Show it once and end.")
@option("--every", "SECONDS", "How often the files are read.", click.FloatRange(min=0.2), default=2.0)
def command(run: Path, once: bool, every: float) -> None:
    """Show a search or training in the terminal, from its files: progress, the last epochs, the least decided choices,
    the best networks.

    It only reads, from any process or machine that sees the folder, and ends with the run. Ctrl-C ends it, not the run.

    \b
    Examples:
      vnasdsl watch runs/tiny
      vnasdsl watch runs/tiny --once
    """
    from rich.console import Console
    from rich.live import Live

    from vnasdsl.runs.folder import RunReader
    from vnasdsl.runs.terminal import screen

    console = Console(highlight=False)
    reader = RunReader(run)
    if once or not console.is_terminal or reader.state != "running":
        console.print(screen(reader))
        return
    with suppress(KeyboardInterrupt), Live(screen(reader), console=console, auto_refresh=False) as live:
        while reader.state == "running":
            time.sleep(every)
            reader = RunReader(run)
            live.update(screen(reader), refresh=True)
