"""`vnasdsl explain`: what a code means, why it is an error, and how to fix it, by examples that are run."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from vnasdsl.cli.check import check_file
from vnasdsl.cli.options import colored, json_option
from vnasdsl.language.codes import CODES, FAMILIES, MAIN, Code, Files
from vnasdsl.language.diagnostics import Diagnostic, UserError, VnsError, did_you_mean
from vnasdsl.language.render import render

SHOWN_LINES, SHOWN_COLUMNS = 40, 160


def faults(code: Code, files: Files) -> list[Diagnostic]:
    """What the command of a code finds in an example, in a folder of its own that is a project."""
    with TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        root.mkdir()
        (root / "pyproject.toml").touch()
        for name, text in files.items():
            (root / name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        program, found = check_file(root / MAIN, name=MAIN)
        if program is not None and code.recipe is not None and not found:
            try:
                program.get_recipe(*code.recipe)
            except VnsError as fault:
                found = list(fault.diagnostics)
        return found


def shown(files: Files) -> list[tuple[str, str]]:
    """Name and text of each file of an example, cut where nobody would read on."""
    return [(name, _cut(_visible(text))) for name, text in _some(files)]


def _some(files: Files) -> Sequence[tuple[str, str | bytes]]:
    items = list(files.items())
    return items if len(items) <= 4 else [*items[:2], ("...", ""), items[-1]]


def _visible(text: str | bytes) -> str:
    return text.decode("utf-8", errors="backslashreplace") if isinstance(text, bytes) else text


def _cut(text: str) -> str:
    lines = [
        line if len(line) <= SHOWN_COLUMNS else f"{line[:80]} ... ({len(line):,} characters)"
        for line in text.splitlines()[: SHOWN_LINES + 1]
    ]
    if len(lines) > SHOWN_LINES:
        lines[4:] = [f"... ({text.count(chr(10)):,} lines)"]
    return "\n".join(lines)


WIDTH = 88


@click.command("explain")
@click.argument("code", required=False)
@json_option
def explain_command(code: str | None, as_json: bool) -> None:
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
