"""`--devices N` of a command: its line is run once on each device."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vnasdsl.cli.runs import command_line

if TYPE_CHECKING:
    from vnasdsl.train.progress import Reporter


def reporter_of(quiet: bool, logs: tuple[str, ...] = (), run: Path = Path()) -> Reporter:
    """One that prints, unless this is another rank than the first. logs, run: the loggers of `--log`, and where to."""
    from rich.console import Console

    from vnasdsl.train.loggers import loggers_of
    from vnasdsl.train.progress import Reporter

    console = Console(quiet=True) if int(os.environ.get("RANK", 0)) else None
    return Reporter(quiet, console, loggers=loggers_of(logs, run))


def start_ranks(devices: int, folder: Path) -> bool:
    """Run this command line on several devices, writing into `folder`; False when this process is to do the work.

    Ctrl-C ends the ranks outright; the process that started them says how to go on.

    Raises: UserError, SystemExit with the status of the rank that failed.
    """
    from vnasdsl.train import ranks
    from vnasdsl.train.launch import run_ranks

    if devices == 1 or ranks.launched() > 1:
        return False
    arguments = command_line()
    if not any(argument.split("=")[0] == "--out" for argument in arguments):
        arguments += ["--out", str(folder)]
    run_ranks(devices, _run, (arguments,))
    return True


def _run(arguments: list[str]) -> None:
    from vnasdsl.cli.main import main

    sys.argv = ["vnasdsl", *arguments]
    main()
