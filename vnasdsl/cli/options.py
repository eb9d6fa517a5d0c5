"""Options that several commands share, as decorators, and how results and errors are shown. No torch."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import reduce, wraps
from pathlib import Path
from typing import Any, TextIO, TypeVar, cast

import click

from vnasdsl.language.diagnostics import Diagnostic, UserError
from vnasdsl.language.visible import visible

F = TypeVar("F", bound=Callable[..., Any])

FILE, FOLDER = click.Path(path_type=Path, dir_okay=False), click.Path(path_type=Path, file_okay=False)
PATH = click.Path(path_type=Path)
POSITIVE = click.IntRange(min=1)
SEED = click.IntRange(0, 2**32 - 1)


def option(names: str, metavar: str, help: str, kind: Any = None, **more: Any) -> Callable[[Any], Any]:
    """An option with a value, by its names with blanks between them; help says its default if it has one."""
    return click.option(*names.split(), metavar=metavar, help=help, type=kind, show_default="default" in more, **more)


def _device(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", value):
        raise click.BadParameter(f"`{value}` is none of auto, cpu, cuda, cuda:N")
    return value


def _amount(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:e\d+)?)([KMGT]?)", value)
    if match is None or not float(match[1]):
        raise click.BadParameter(f"`{value}` is no number above 0, such as 10G or 2.5M")
    return float(match[1]) * 1000 ** " KMGT".index(match[2] or " ")


def pairs(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """The callback of an option KEY=VALUE that may be repeated."""
    found: dict[str, str] = {}
    for value in values:
        key, equals, text = (part.strip() for part in value.partition("="))
        if not (key and equals and text):
            raise click.BadParameter(f"`{value}` is not of the form KEY=VALUE")
        if key in found:
            raise click.BadParameter(f"`{key}` is given twice")
        found[key] = text
    return found


def _fixes(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, list[str]]:
    from vnasdsl.elaborate.drawing import split_options

    try:
        return {selector: split_options(text) for selector, text in pairs(context, parameter, values).items()}
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None


# ---------------------------------------------------------------- the options


def input_options(command: F) -> F:
    """`--frames`, `--size`, `--classes`: parameter `overrides`, an `Overrides`."""

    @wraps(command)
    def taking(*args: Any, frames: int | None, size: int | None, classes: int | None, **more: Any) -> Any:
        from vnasdsl.elaborate import Overrides

        return command(*args, overrides=Overrides(frames, size, classes), **more)

    return cast(F, _all_of(tuple(_instead_of_the_files(*row) for row in _INPUT))(taking))


_INPUT = (("frames", "Frames of a clip"), ("size", "Height and width"), ("classes", "Number of classes"))


def _instead_of_the_files(name: str, what: str) -> Callable[[F], F]:
    return click.option(f"--{name}", type=POSITIVE, metavar="N", help=f"{what}, instead of the file's.")


def json_option(command: F) -> F:
    """`--json`: parameter `as_json`. Errors are JSON too, unless `--format` names another format."""

    def keep(context: click.Context, _parameter: click.Parameter, value: bool) -> bool:
        if value:
            context.meta.setdefault(FORMAT, "json")
        return value

    return click.option("--json", "as_json", is_flag=True, callback=keep, help="Print JSON for programs.")(command)


FORMAT = "vnasdsl.format"
"""Where the context of a command keeps the format of its errors."""


def out_option(metavar: str, help: str, **more: Any) -> Callable[[F], F]:
    """`--out`: parameter `out`, a folder."""
    return click.option("--out", type=PATH, metavar=metavar, help=help, **more)


def device_option_of(default: str) -> Callable[[F], F]:
    """`--device`: parameter `device`, "auto", "cpu", "cuda" or "cuda:N"."""
    return option(
        "--device",
        "auto|cpu|cuda|cuda:N",
        "Device to compute on; auto takes a GPU if there is one.",
        default=default,
        callback=_device,
    )


def amount_option(name: str, help: str) -> Callable[[F], F]:
    """A number with a magnitude: `--max-macs 10G`."""
    return click.option(name, callback=_amount, metavar="N", help=help)


device_option = device_option_of("auto")
devices_option = option(
    "--devices",
    "N",
    "GPUs, or with --device cpu processes, that train together; `batch` is that of each.",
    POSITIVE,
    default=1,
)
seed_option = click.option("--seed", type=SEED, metavar="N", help="Seed of everything random, instead of the recipe's.")
set_option = option(
    "--set settings",
    "KEY=VALUE",
    "Set a value of the recipe: --set epochs=20, --set 'weights=sgd(lr=0.1)'. May be repeated.",
    multiple=True,
    callback=pairs,
)
"""`--set KEY=VALUE`: parameter `settings`, a dict from key to the text of the value."""
workers_option = option("--workers", "N", "Processes that decode videos.", click.IntRange(min=0))
log_option = click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Choice(("tensorboard", "wandb")),
    help="Write the metrics for TensorBoard or, offline, for Weights & Biases into the run too. May be repeated.",
)
"""`--log`: parameter `logs`."""
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress, only the result.")


exclude_option = option(
    "--exclude", "LIST", "Leave out the videos of a list, such as one that `data check --list` wrote."
)


def fix_options(command: F) -> F:
    """`--fix` and `--open`: parameters `fix` (selector -> list of option texts) and `open_` (tuple of selectors)."""
    options = (
        option(
            "--fix",
            "SELECTOR=OPTION[,OPTION...]",
            "Leave a choice (a name, kind or pattern) only these options: --fix 'op=basic(1)'. May be repeated.",
            multiple=True,
            callback=_fixes,
        ),
        option(
            "--open open_",
            "SELECTOR",
            "Search choices (a name, kind or pattern) that the recipe fixes. May be repeated.",
            multiple=True,
        ),
    )
    return _all_of(options)(command)


def weights_options(command: F) -> F:
    """`--weights` and `--labels` of a .vns file: parameters `weights` and `labels`, paths."""
    options = (
        option(
            "--weights",
            "FILE",
            "Weights, .safetensors or `torchvision:FILE`, for a .vns file.  [default: NETWORK's]",
            PATH,
        ),
        option("--labels", "FILE", "Class names, one a line, for a .vns file without a model file.", PATH),
    )
    return _all_of(options)(command)


def training_options(command: F) -> F:
    """`--device`, `--workers`, `--quiet` and `--json`: what every command has that trains or evaluates."""
    return _all_of((device_option, workers_option, quiet_option, json_option))(command)


def _all_of(options: tuple[Callable[[Any], Any], ...]) -> Callable[[F], F]:
    """Several options as one decorator; help lists them in this order."""
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


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
