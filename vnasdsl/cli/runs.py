"""`vnasdsl runs`, `watch` and `report`, and what commands that train say at their end. No torch at import."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnasdsl.cli.options import FILE, json_option, option, print_json, tell_written
from vnasdsl.interrupts import interruption, status_of
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.visible import visible
from vnasdsl.train.shortages import explained

if TYPE_CHECKING:
    from vnasdsl.searching.run import Outcome
    from vnasdsl.train.progress import Reporter


def command_line() -> list[str]:
    """The arguments of this process, as the user gave them."""
    return sys.argv[1:]


def reporter_of(quiet: bool, logs: tuple[str, ...] = (), run: Path = Path()) -> Reporter:
    """One that prints, unless this is another rank than the first. logs, run: the loggers of `--log`, and where to."""
    from rich.console import Console

    from vnasdsl.train.progress import Reporter, loggers_of

    console = Console(quiet=True) if int(os.environ.get("RANK", 0)) else None
    return Reporter(quiet, console, loggers=loggers_of(logs, run))


def tell_outcome(run: Path, outcome: Outcome, again: Sequence[str], as_json: bool) -> None:
    """The last words of a search: the report, where everything is, and the arguments that retrain it."""
    follow_up = shlex.join(["vnasdsl", "retrain", *again])
    if as_json:
        print_json({"run": str(run), **outcome.as_dict(), "retrain": follow_up})
    else:
        click.echo("\n".join(map(visible, (*outcome.all_lines(), f"retrain it: {follow_up}"))))


@contextmanager
def resumable(out: Path, reporter: Reporter) -> Iterator[None]:
    """An interruption says how to go on, and so does what the machine ran out of."""
    try:
        yield
    except (UserError, VnsError):
        raise
    except (KeyboardInterrupt, Exception) as fault:
        interrupt = interruption(fault)
        shortage = None if interrupt else explained(fault)
        if interrupt is None and shortage is None:
            raise
        arguments = [argument for argument in command_line() if argument != "--resume"]
        if not any(argument.split("=")[0] == "--out" for argument in arguments):
            arguments += ["--out", str(out)]
        again = f"continue with: vnasdsl {visible(shlex.join(arguments))} --resume"
        if shortage is not None:
            raise UserError(shortage.message, f"{shortage.help}; {again}") from fault
        assert interrupt is not None
        with suppress(OSError):  # the terminal may be gone
            reporter.end()
            click.echo(f"interrupted: finished work is kept in {visible(str(out))}\n{again}", err=True)
        raise SystemExit(status_of(interrupt)) from None
    finally:
        reporter.close()


@click.command("runs")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path), default="runs")
@json_option
def runs_command(folder: Path, as_json: bool) -> None:
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


@click.command("watch")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Show it once and end.")
@option("--every", "SECONDS", "How often the files are read.", click.FloatRange(min=0.2), default=2.0)
def watch_command(run: Path, once: bool, every: float) -> None:
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


@click.command("report")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@option("-o --output", "FILE", "File to write.", FILE, default=Path("report.html"))
@option("--videos", "N", "Show this many of the videos that are classified worst.", click.IntRange(min=0), default=12)
def report_command(runs: tuple[Path, ...], output: Path, videos: int) -> None:
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
