"""The one place where exceptions become text on stderr and an exit status.

1: the input is wrong. 2: wrong usage (click's own). 70: a bug in vnasdsl. 130: interrupted.
141: the reader of the output went away.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from vnasdsl.cli.output import as_text, user_error_text
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.visible import visible

INPUT, BUG, INTERRUPTED, PIPE = 1, 70, 130, 141
TRACEBACK_VARIABLE = "VNASDSL_TRACEBACK"


@contextmanager
def reporting() -> Iterator[None]:
    """Turn whatever is raised inside into a message and `SystemExit`; click's own exceptions pass."""
    try:
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
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except OSError as fault:
        if fault.filename is None and fault.errno != errno.ENOSPC:
            _bug(fault)
        place = "" if fault.filename is None else f"`{visible(os.fsdecode(fault.filename))}`: "
        _fail(f"error: {place}{(fault.strerror or str(fault)).lower()}", INPUT)
    except Exception as fault:
        _bug(fault)


def _bug(fault: Exception) -> NoReturn:
    summary = " ".join(str(fault).split())
    text = f"error: this is a bug in vnasdsl: {type(fault).__name__}" + (f": {summary}" if summary else "")
    hint = "" if os.environ.get(TRACEBACK_VARIABLE) else f" (set {TRACEBACK_VARIABLE}=1 for the traceback)"
    _fail(text + hint, BUG)


def _fail(text: str, status: int) -> NoReturn:
    if os.environ.get(TRACEBACK_VARIABLE):
        traceback.print_exc()
    click.echo(text, err=True, color=True)
    raise SystemExit(status)
