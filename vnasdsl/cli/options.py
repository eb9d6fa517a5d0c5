"""Options that several commands share, as decorators, and the parsing of what they take. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

POSITIVE = click.IntRange(min=1)


def input_options(command: F) -> F:
    """`--frames`, `--size`, `--classes`: parameters `frames`, `size`, `classes`, each an int or None."""
    command = click.option("--classes", type=POSITIVE, metavar="N", help="Number of classes, instead of the text's.")(
        command
    )
    command = click.option("--size", type=POSITIVE, metavar="N", help="Height and width, instead of the text's.")(
        command
    )
    return click.option("--frames", type=POSITIVE, metavar="N", help="Frames per clip, instead of the text's.")(command)


def json_option(command: F) -> F:
    """`--json`: parameter `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object for programs.")(command)


def device_option_of(default: str) -> Callable[[F], F]:
    """`--device`: parameter `device`, "auto", "cpu", "cuda" or "cuda:N"."""
    return click.option(
        "--device",
        default=default,
        show_default=True,
        callback=_device,
        metavar="auto|cpu|cuda|cuda:N",
        help="Where to compute; auto takes a GPU if there is one.",
    )


def device_option(command: F) -> F:
    """`--device` as `device_option_of` with "auto" as default."""
    return device_option_of("auto")(command)


def seed_option(command: F) -> F:
    """`--seed`: parameter `seed`, an int or None (the recipe's own)."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        metavar="N",
        help="Seed of everything random, instead of the recipe's.",
    )(command)


def set_option(command: F) -> F:
    """`--set KEY=VALUE`, any number: parameter `settings`, a dict key -> text of the value."""
    return click.option(
        "--set",
        "settings",
        multiple=True,
        callback=_pairs,
        metavar="KEY=VALUE",
        help="Set a value of the recipe, e.g. --set epochs=20 --set 'weights=sgd(lr=0.1)'. May be repeated.",
    )(command)


def fix_options(command: F) -> F:
    """`--fix` and `--open`: parameters `fix` (selector -> list of option texts) and `open_` (tuple of selectors)."""
    command = click.option(
        "--open",
        "open_",
        multiple=True,
        metavar="SELECTOR",
        help="Search the choices of this name, kind or pattern although the recipe fixes them. May be repeated.",
    )(command)
    return click.option(
        "--fix",
        multiple=True,
        callback=_fix,
        metavar="SELECTOR=OPTION[,OPTION...]",
        help="Leave a choice (a name, a kind, a pattern) only these options: --fix 'op=basic(1)'. May be repeated.",
    )(command)


def quiet_option(command: F) -> F:
    """`--quiet`: parameter `quiet`; no progress, only the result."""
    return click.option("-q", "--quiet", is_flag=True, help="Show no progress, only the result.")(command)


def split_options(text: str) -> list[str]:
    """The parts of `a, b(1, 2) | c`: split at commas and bars that stand outside brackets.

    Raises: ValueError when a part is empty or brackets do not match.
    """
    parts, depth = [""], 0
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if depth < 0:
            break
        if char in ",|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    parts = [part.strip() for part in parts]
    if depth != 0:
        raise ValueError(f"brackets do not match in `{text}`")
    if not all(parts):
        raise ValueError(f"an option is missing in `{text}`")
    return parts


def _device(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", value):
        raise click.BadParameter(f"`{value}` is none of auto, cpu, cuda, cuda:N")
    return value


def _pairs(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for value in values:
        key, equals, text = (part.strip() for part in value.partition("="))
        if not (key and equals and text):
            raise click.BadParameter(f"`{value}` is not of the form KEY=VALUE")
        if key in pairs:
            raise click.BadParameter(f"`{key}` is given twice")
        pairs[key] = text
    return pairs


def _fix(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, list[str]]:
    try:
        return {selector: split_options(text) for selector, text in _pairs(context, parameter, values).items()}
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None
