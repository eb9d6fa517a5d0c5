"""What the commands that train say: the outcome, and how to go on after an interruption. No torch at import."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vnasdsl.cli.output import print_json
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
