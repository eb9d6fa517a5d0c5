"""The one place where exceptions become text on stderr and an exit status.

1: the input is wrong, or the machine ran out of something. 2: wrong usage (click's own). 70: a bug in vnasdsl.
130: interrupted; 143 and 129: by SIGTERM and SIGHUP. 141: the reader of the output went away.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import click

from vnasdsl.cli.options import as_text, user_error_text
from vnasdsl.interrupts import interruption, like_ctrl_c, status_of
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.visible import visible
from vnasdsl.train.shortages import explained

INPUT, BUG, PIPE = 1, 70, 141
TRACEBACK_VARIABLE = "VNASDSL_TRACEBACK"
FULL_ONLY = {"av", "matplotlib", "resvg_py", "safetensors", "torch"}
"""Packages that `vnasdsl-lang` does not install and `vnasdsl` does."""
FULL_INSTALL = "pip install vnasdsl, or in a clone of the repository: pip install '.[search]'"


@contextmanager
def reporting() -> Iterator[None]:
    """Turn whatever is raised inside into a message and `SystemExit`; click's own exceptions pass."""
    try:
        with like_ctrl_c():
            yield
        if not sys.stdout.closed:  # a language server closes it when its editor leaves
            sys.stdout.flush()
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except VnsError as fault:
        _fail(as_text(fault.diagnostics), INPUT)
    except UserError as fault:
        _fail(user_error_text(fault), INPUT)
    except BrokenPipeError:
        # Nobody reads on: keep the interpreter from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(PIPE) from None
    except (KeyboardInterrupt, Exception) as fault:
        interrupt, shortage = interruption(fault), explained(fault)
        if interrupt is not None:
            _fail("interrupted", status_of(interrupt))
        if isinstance(fault, ModuleNotFoundError) and (package := (fault.name or "").partition(".")[0]) in FULL_ONLY:
            _fail(
                user_error_text(UserError(f"this needs `{package}`, which `vnasdsl-lang` leaves out", FULL_INSTALL)),
                INPUT,
            )
        if shortage is not None:
            _fail(user_error_text(shortage), INPUT)
        if not isinstance(fault, OSError) or fault.filename is None:
            _bug(fault)
        place = visible(os.fsdecode(fault.filename))
        _fail(f"error: `{place}`: {(fault.strerror or str(fault)).lower()}", INPUT)


def _bug(fault: BaseException) -> NoReturn:
    summary = " ".join(str(fault).split())
    text = f"error: this is a bug in vnasdsl: {type(fault).__name__}" + (f": {summary}" if summary else "")
    hint = "" if os.environ.get(TRACEBACK_VARIABLE) else f" (set {TRACEBACK_VARIABLE}=1 for the traceback)"
    _fail(text + hint, BUG)


def _fail(text: str, status: int) -> NoReturn:
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exc()
    with suppress(OSError):  # the terminal may be gone
        click.echo(text, err=True, color=True)
    raise SystemExit(status)
