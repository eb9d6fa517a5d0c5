"""How results and errors are shown: as text or JSON, in which format, in colour or not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO, TypeVar, cast

import click

from vnasdsl.cli.options import FORMAT
from vnasdsl.language.diagnostics import Diagnostic, UserError
from vnasdsl.language.visible import visible

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("full", "concise", "json", "github")
VARIABLE = "VNASDSL_FORMAT"


def format_option(command: F) -> F:
    """`--format`: how the errors of this command are shown; read by `style()`."""

    def keep(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            context.meta[FORMAT] = value

    return click.option(
        "--format",
        type=click.Choice(FORMATS),
        callback=keep,
        expose_value=False,
        help=f"Format of errors: with their lines, one line each, JSON, or annotations of GitHub Actions.  [default:"
        f" full, or ${VARIABLE}]",
    )(command)


def style() -> str:
    """The format asked for: by the options of the command, else by the environment, else full.

    Raises: click.UsageError for an unknown format in the environment.
    """
    context = click.get_current_context(silent=True)
    if context is not None and FORMAT in context.meta:
        return str(context.meta[FORMAT])
    given = os.environ.get(VARIABLE) or "full"
    if given not in FORMATS:
        raise click.UsageError(f"{VARIABLE} is `{given}`, and none of {', '.join(FORMATS)}")
    return given


def print_json(value: object) -> None:
    """The result of a command for programs, one JSON value."""
    import json

    click.echo(json.dumps(value, indent=2, allow_nan=False))


def tell_written(path: os.PathLike[str] | str, written: bool) -> None:
    """`wrote PATH` or `unchanged PATH`."""
    click.echo(f"{'wrote' if written else 'unchanged'} {visible(os.fspath(path))}")


def unified(old_name: str, new_name: str, old: str, new: str) -> str:
    """A unified diff; a line of `old` keeps its carriage return, which may be all that differs."""
    import difflib

    def lines(text: str) -> list[str]:  # not `splitlines`: a comment may hold what it takes for line ends
        return [f"{line}\n" for line in text.split("\n")[:-1]] + [line for line in text.split("\n")[-1:] if line]

    found = difflib.unified_diff(lines(old), lines(new), old_name, new_name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)


def as_text(diagnostics: Sequence[Diagnostic], stream: TextIO | None = None) -> str:
    """Diagnostics in the format asked for, in colour when they go to a terminal."""
    from vnasdsl.language.render import Style, render

    return render(diagnostics, cast(Style, style()), colored(stream or sys.stderr)).rstrip("\n")


def show(diagnostics: Sequence[Diagnostic]) -> None:
    """Print diagnostics to stderr."""
    if diagnostics:
        click.echo(as_text(diagnostics), err=True, color=True)


def user_error_text(fault: UserError) -> str:
    """An error that has no place in a file, in the format asked for."""
    chosen = style()
    if chosen == "json":
        from vnasdsl.language.render import render_user_error

        return render_user_error(fault)
    if chosen == "github":
        from vnasdsl.language.render import github_command

        return github_command("error", {}, fault.message + (f"\nhelp: {fault.help}" if fault.help else ""))
    help = f"\n  = help: {visible(fault.help)}" if fault.help and chosen == "full" else ""
    message = "\n  ".join(map(visible, fault.message.split("\n  ")))  # the only line ends of ours begin a list
    return f"error: {message}{help}"


def colored(stream: TextIO) -> bool:
    """Whether to colour what goes to a stream: NO_COLOR switches it off, FORCE_COLOR on."""
    if os.environ.get("NO_COLOR"):
        return False
    force = os.environ.get("FORCE_COLOR")
    if force is not None:
        return force not in ("", "0")
    return stream.isatty() and os.environ.get("TERM") != "dumb"
