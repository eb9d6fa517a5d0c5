"""`vnasdsl fmt`: files in their canonical form."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import click

from vnasdsl.cli.errors import BUG, INPUT
from vnasdsl.cli.options import as_text, format_option, unified
from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.files import STDIN, decode_source, read_source, vns_files
from vnasdsl.language.format import FormatError, format_text
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.limits import MAX_BYTES
from vnasdsl.language.source import Source
from vnasdsl.language.visible import visible


@click.command("fmt")
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option("--check", is_flag=True, help="Write nothing; name the files that would change, and exit 1 for any.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change, and exit 1 for any.")
@format_option
@gc_paused()
def fmt_command(paths: tuple[str, ...], check: bool, diff: bool) -> None:
    """Format files in their canonical form. Comments are kept.

    PATHS are files, or folders to search for *.vns (hidden folders are skipped); the default is the current folder.
    `-` reads the standard input and writes to the standard output. There are no style options: two spaces per level,
    at most 100 columns where a line can be broken, at most one empty line, Unix line ends.

    A file is written only if the result has the same syntax tree and the same comments, and formatting it again does
    not change it. Exit 1 if a file has errors; the others are formatted all the same.

    \b
    Examples:
      vnasdsl fmt                          # every file in and below this folder
      vnasdsl fmt spaces/tiny.vns          # one file
      vnasdsl fmt --check spaces           # for continuous integration
      vnasdsl fmt --diff spaces/tiny.vns   # what would change
      vnasdsl fmt - < spaces/tiny.vns      # for editors
    """
    if STDIN in paths and len(paths) > 1:
        raise click.UsageError("`-` is the standard input and cannot be combined with other paths")
    counts: Counter[str] = Counter()
    status = 0
    for name in [STDIN] if paths == (STDIN,) else _files(paths or (".",)):
        shown = "<stdin>" if name == STDIN else visible(name)
        try:
            data, source = _read(name)
            text = format_text(source)
            if name == STDIN and not (check or diff):
                sys.stdout.buffer.write(text.encode("utf-8"))
                return
            if not (check or diff):
                write_atomic(name, text)
        except VnsError as fault:
            message, failed = as_text(fault.diagnostics), INPUT
        except FormatError as fault:
            message, failed = f"error: this is a bug in vnasdsl: `{shown}` is left as it is: {fault}", BUG
        except OSError as fault:
            message, failed = f"error: `{shown}` cannot be written: {(fault.strerror or str(fault)).lower()}", INPUT
        else:
            if data == text.encode("utf-8"):
                counts["unchanged"] += 1
                continue
            counts["formatted"] += 1
            if check or diff:
                status = max(status, INPUT)
            if diff:
                click.echo(unified(shown, f"{shown} (formatted)", data.decode("utf-8"), text), nl=False)
            else:
                click.echo(f"{'would format' if check else 'formatted'} {shown}")
            continue
        click.echo(message, err=True, color=True)
        counts["with errors"] += 1
        status = max(status, failed)
    if paths != (STDIN,):
        would = "would be " if check or diff else ""
        words = {"formatted": f"{would}formatted", "unchanged": "unchanged", "with errors": "with errors"}
        parts = [f"{counts[key]} {what}" for key, what in words.items() if counts[key]]
        click.echo(", ".join(parts) if parts else "no .vns files here", err=True)
    if status:
        raise SystemExit(status)


def _read(name: str) -> tuple[bytes, Source]:
    """The bytes of a file or of the standard input, and the source in them. Raises: VnsError."""
    if name == STDIN:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)  # one more, to see that it is too much
        return data, decode_source("<stdin>", data)
    source = read_source(name)
    return Path(name).read_bytes(), source


def _files(paths: tuple[str, ...]) -> list[str]:
    """The files of some paths, each once, those of a folder sorted by name."""
    found: dict[str, str] = {}
    for path in paths:
        for name in map(str, vns_files(Path(path))) if Path(path).is_dir() else (path,):
            found.setdefault(os.path.realpath(name), name)
    return list(found.values())
