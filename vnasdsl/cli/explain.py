"""`vnasdsl explain`: what a code means, why it is an error, and how to fix it."""

from __future__ import annotations

import json
import sys
import textwrap

import click

from vnasdsl.cli.examples import faults, shown
from vnasdsl.cli.options import json_option
from vnasdsl.cli.output import colored
from vnasdsl.language.codes import CODES, FAMILIES, Code, Files
from vnasdsl.language.diagnostics import UserError, did_you_mean
from vnasdsl.language.render import render

WIDTH = 88


@click.command()
@click.argument("code", required=False)
@json_option
def command(code: str | None, as_json: bool) -> None:
    """Explain a code such as E0201: what it means and why, a wrong example and a right one.

    Without a code, list all codes with their titles.

    \b
    Examples:
      vnasdsl explain E0501
      vnasdsl explain
    """
    if code is None:
        click.echo(json.dumps([summary(c) for c in CODES.values()], indent=2) if as_json else listing())
        return
    known = find(code)
    click.echo(json.dumps(as_object(known), indent=2) if as_json else as_text(known, colored(sys.stdout)), color=True)


def find(text: str) -> Code:
    """Raises: UserError with the nearest code."""
    wanted = text.strip().strip("[]").upper()
    if wanted not in CODES:
        help = did_you_mean(wanted, CODES) or "`vnasdsl explain` lists all codes"
        raise UserError(f"there is no code `{text}`", help)
    return CODES[wanted]


def listing() -> str:
    parts = []
    for family, codes in FAMILIES.items():
        parts.append("\n".join([family, *(f"  {code.id}  {code.title}" for code in codes)]))
    return "\n\n".join(parts)


def summary(code: Code) -> dict[str, object]:
    return {"code": code.id, "severity": code.severity, "title": code.title}


def as_object(code: Code) -> dict[str, object]:
    return {
        **summary(code),
        "why": code.why,
        "command": code.command,
        "bad": dict(shown(code.bad)),
        "rendering": render(faults(code, code.bad)),
        "good": dict(shown(code.good)),
    }


def as_text(code: Code, color: bool = False) -> str:
    parts = [f"{code.id}: {code.title}", textwrap.fill(code.why, WIDTH)]
    if code.bad:
        parts += ["Wrong:", _indented(_texts(code.bad))]
    parts += [f"$ {code.command}", render(faults(code, code.bad), color=color)]
    parts += ["Right:", _indented(_texts(code.good))]
    return "\n\n".join(parts)


def _texts(files: Files) -> str:
    """The files of an example, each under its name when there are several."""
    texts = shown(files)
    if len(texts) == 1:
        return texts[0][1]
    return "\n\n".join(f"# {name}\n{text}".rstrip() for name, text in texts)


def _indented(text: str) -> str:
    return textwrap.indent(text, "    ")
