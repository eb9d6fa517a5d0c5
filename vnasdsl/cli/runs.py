"""`vnasdsl runs`, `watch` and `report`, and what commands that train say at their end. No torch at import."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vnasdsl.cli.options import FILE, json_option, option, print_json, tell_written
from vnasdsl.interrupts import interruption, status_of
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.visible import visible
from vnasdsl.runs.folder import RunReader, runs_below
from vnasdsl.show.numbers import amount, bar
from vnasdsl.show.table import columns
from vnasdsl.train.shortages import explained

if TYPE_CHECKING:
    from vnasdsl.searching.run import Outcome
    from vnasdsl.train.progress import Reporter


_STYLES = {"running": "cyan", "finished": "green", "stopped": "yellow", "damaged": "red"}
_LAST, _BAR, _CHOICES = 10, 24, 12
"""Epochs or trials that are listed, the width of bars, and choices that are shown, the least decided first."""
_COLUMNS = (
    ("train_loss", "train loss", 1.0, ".3f"),
    ("train_top1", "train %", 100.0, ".1f"),
    ("validate_loss", "validate loss", 1.0, ".3f"),
    ("validate_top1", "validate %", 100.0, ".1f"),
    ("score_top1", "decoded %", 100.0, ".1f"),
    ("test_top1", "test %", 100.0, ".1f"),
    ("decoded_macs", "decoded MMACs", 1e-6, ".2f"),
    ("seconds", "seconds", 1.0, ".1f"),
)


def summary(path: Path, run: RunReader | str, now: datetime) -> dict[str, Any]:
    """A run in a list, for people and for `--json`. run: why it cannot be read, where it cannot."""
    if isinstance(run, str):
        return {"run": str(path), "state": "damaged", "error": run}
    try:
        done, planned, what = run.progress
        best = run.best
        return {
            "run": str(path),
            "state": run.state,
            "kind": run.kind,
            "strategy": run.strategy,
            "name": run.facts.get("name"),
            "data": run.facts.get("data"),
            "done": done,
            "planned": planned,
            "unit": what,
            "top1": None if best is None else best[0],
            "top1_of": None if best is None else best[1],
            "macs": run.report.get("macs"),
            "params": run.report.get("params"),
            "updated": run.updated.isoformat(timespec="seconds"),
            "age_seconds": max(0, round((now - run.updated).total_seconds())),
        }
    except (UserError, VnsError) as fault:
        return {"run": str(path), "state": "damaged", "error": str(fault)}


def runs_table(rows: Sequence[Mapping[str, Any]]) -> str:
    table: list[tuple[str, ...]] = [("run", "state", "what", "done", "top-1", "of", "MACs", "age")]
    for row in rows:
        start = visible(row["run"]), row["state"]
        if "error" in row:
            table.append((*start, *[""] * 6))
            continue
        top1 = "" if row["top1"] is None else f"{100 * row['top1']:.1f} %"
        of = (row["top1_of"] or "").partition(" ")[0]
        macs = "" if row["macs"] is None else amount(row["macs"])
        what, done = visible(f"{row['strategy']} {row['name']}"), f"{row['done']}/{row['planned']}"
        table.append((*start, what, done, top1, of, macs, age(row["age_seconds"])))
    return columns(table, right=(3, 4, 6, 7))


def age(seconds: int) -> str:
    """`40 s`, `12 min`, `5 h`, `3 d`."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def screen(run: RunReader) -> Group:
    """What a run is at now."""
    return Group(*_parts(run))


def _parts(run: RunReader) -> Iterator[RenderableType]:
    done, planned, what = run.progress
    yield Text.assemble(
        (visible(str(run.path)), "bold"),
        f"  {run.strategy} of {visible(str(run.facts.get('name')))} on {visible(str(run.facts.get('data')))}  ",
        (run.state, _STYLES[run.state]),
    )
    share = done / planned if planned else 0.0
    left = ""
    if run.state == "running" and what == "epochs" and run.metrics and done < planned:
        recent = run.metrics[-_LAST:]
        left = f", about {age(round(sum(r.get('seconds') or 0 for r in recent) / len(recent) * (planned - done)))} left"
    silent = age(max(0, round((datetime.now(UTC) - run.updated).total_seconds())))
    yield Text(f"{bar(share, _BAR):<{_BAR}} {done} of {planned} {what}{left}; last written {silent} ago")
    if run.best is not None:
        yield Text(f"best so far: {100 * run.best[0]:.1f} % top-1 ({run.best[1]})")
    if run.metrics:
        yield _epochs(run.metrics[-_LAST:])
        yield from _open_choices(run.metrics[-1])
    for title, records in (
        ("trained", run.trials),
        ("scored in the supernet", run.scores),
        ("trained at the end", run.finalists),
    ):
        scored = [record for record in records if record.get("score")]
        if scored:
            yield Text(f"the best of {len(scored)} networks {title}", "bold")
            yield _best(scored)


def _epochs(records: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    shown = [column for column in _COLUMNS if any(record.get(column[0]) is not None for record in records)]
    for heading in ("epoch", *(label for _, label, _, _ in shown)):
        table.add_column(heading.replace(" ", "\n"), justify="right")  # all of them fit into 60 columns
    for record in records:
        values = [(record.get(key), factor, form) for key, _, factor, form in shown]
        cells = ["" if value is None else format(value * factor, form) for value, factor, form in values]
        table.add_row(str(record["epoch"]), *cells)
    return table


def _open_choices(record: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The most probable option of every choice."""
    tops = [
        (max(options.values()), name, max(options, key=lambda option: options[option]))
        for name, options in (record.get("probabilities") or {}).items()
    ]
    if tops:
        table = Table.grid(padding=(0, 2, 0, 0))
        for share, name, option in sorted(tops)[:_CHOICES]:
            table.add_row(Text(name), Text(f"{bar(share, _BAR):<{_BAR}} {share:.2f}"), Text(option))
        more = len(tops) - _CHOICES
        yield Text("the least decided choices" + (f" ({more} more)" if more > 0 else ""), "bold")
        yield table


def _best(records: Sequence[dict[str, Any]]) -> Table:
    """The best of some networks."""
    best = sorted(records, key=lambda record: (-record["score"]["top1"], record["id"]))[:_LAST]
    table = Table(box=None, padding=(0, 2, 0, 0))
    children = any(record.get("parents") for record in best)
    for heading in ("network", "validate %", "MMACs", *(("parents",) if children else ())):
        table.add_column(heading, justify="right")
    for record in best:
        parents = ", ".join(f"#{parent}" for parent in record.get("parents") or ())
        row = f"#{record['id']}", f"{100 * record['score']['top1']:.1f}", f"{record['macs'] / 1e6:.2f}"
        table.add_row(*row, *((parents,) if children else ()))
    return table


def command_line() -> list[str]:
    """The arguments of this process, as the user gave them."""
    return sys.argv[1:]


def reporter_of(quiet: bool, logs: tuple[str, ...] = (), run: Path = Path()) -> Reporter:
    """One that prints, unless this is another rank than the first. logs, run: the loggers of `--log`, and where to."""
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
    from vnasdsl.runs.report import report_html

    html = report_html([RunReader(run) for run in runs], videos)
    tell_written(output, write_atomic(output, html))
