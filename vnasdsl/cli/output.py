"""How faults are shown: the format asked for, colours, and where they go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO, TypeVar, cast

import click

from vnasdsl.language.diagnostics import Diagnostic, UserError
from vnasdsl.language.visible import visible

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("full", "concise", "json", "github")
VARIABLE = "VNASDSL_FORMAT"
_KEY = "vnasdsl.format"


def format_option(command: F) -> F:
    """`--format`: how the faults of this command are shown; read by `style()`."""

    def keep(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            context.meta[_KEY] = value

    return click.option(
        "--format",
        type=click.Choice(FORMATS),
        callback=keep,
        expose_value=False,
        help=f"How faults are shown [default: full, or ${VARIABLE}]: with their lines, one line each, as JSON, or as"
        " commands of GitHub Actions.",
    )(command)


def style() -> str:
    """The format asked for: by the option of the command, else by the environment, else full.

    Raises: click.UsageError for a format in the environment that there is not.
    """
    context = click.get_current_context(silent=True)
    if context is not None and _KEY in context.meta:
        return str(context.meta[_KEY])
    given = os.environ.get(VARIABLE) or "full"
    if given not in FORMATS:
        raise click.UsageError(f"{VARIABLE} is `{given}`, and none of {', '.join(FORMATS)}")
    return given


def as_text(diagnostics: Sequence[Diagnostic], stream: TextIO | None = None) -> str:
    """Diagnostics in the format asked for, in colour when they go to a terminal."""
    from vnasdsl.language.render import Style, render

    return render(diagnostics, cast(Style, style()), colored(stream or sys.stderr)).rstrip("\n")


def show(diagnostics: Sequence[Diagnostic]) -> None:
    """Print diagnostics to stderr."""
    if diagnostics:
        click.echo(as_text(diagnostics), err=True, color=True)


def echo(text: str, err: bool = False) -> None:
    """Print lines with control characters made visible: names of files and classes may hold any."""
    click.echo("\n".join(map(visible, text.split("\n"))), err=err)


def user_error_text(fault: UserError) -> str:
    """A fault that has no place in a text, in the format asked for."""
    chosen = style()
    if chosen == "json":
        from vnasdsl.language.render_json import render_user_error

        return render_user_error(fault)
    if chosen == "github":
        from vnasdsl.language.render_github import github_command

        return github_command("error", {}, fault.message + (f"\nhelp: {fault.help}" if fault.help else ""))
    help = f"\n  = help: {fault.help}" if fault.help and chosen == "full" else ""
    return "\n".join(visible(line) for line in f"error: {fault.message}{help}".split("\n"))


def colored(stream: TextIO) -> bool:
    """Whether a stream is for eyes that see colour: NO_COLOR switches it off and FORCE_COLOR on, whatever it is."""
    if os.environ.get("NO_COLOR"):
        return False
    force = os.environ.get("FORCE_COLOR")
    if force is not None:
        return force not in ("", "0")
    return stream.isatty() and os.environ.get("TERM") != "dumb"
