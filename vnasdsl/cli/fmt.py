"""`vnasdsl fmt`: files in their canonical form."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from vnasdsl.cli.errors import BUG, INPUT
from vnasdsl.cli.output import as_text, format_option
from vnasdsl.files import write_atomic
from vnasdsl.language.diagnostics import VnsError
from vnasdsl.language.files import STDIN, decode_source, read_source
from vnasdsl.language.format import FormatError, format_text
from vnasdsl.language.gc_paused import gc_paused
from vnasdsl.language.limits import MAX_BYTES
from vnasdsl.language.source import Source
from vnasdsl.language.visible import visible


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option("--check", is_flag=True, help="Write nothing; name the files that would change, and exit 1 for any.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change, and exit 1 for any.")
@format_option
@gc_paused()
def command(paths: tuple[str, ...], check: bool, diff: bool) -> None:
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
    outcome = _Outcome(check, diff)
    if paths == (STDIN,):
        outcome.format_stdin()
    else:
        for file in _files(paths or (".",)):
            outcome.format_file(file)
        outcome.summary()
    if outcome.status:
        raise SystemExit(outcome.status)


@dataclass
class _Outcome:
    check: bool
    diff: bool
    status: int = 0
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    failed: int = 0

    def format_stdin(self) -> None:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)  # one more, to see that it is too much
        text = self._formatted("<stdin>", data)
        if text is None:
            return
        if self.check or self.diff:
            self._compare("<stdin>", data, text)
        else:
            sys.stdout.buffer.write(text.encode("utf-8"))

    def format_file(self, name: str) -> None:
        try:
            source = read_source(name)
            data = Path(name).read_bytes()
        except VnsError as fault:
            self._report(fault)
            return
        text = self._formatted(source, data)
        if text is None:
            return
        if not (self.check or self.diff):
            try:
                write_atomic(name, text)
            except OSError as fault:
                self._fail(
                    f"error: `{visible(name)}` cannot be written: {(fault.strerror or str(fault)).lower()}", INPUT
                )
                return
        self._compare(name, data, text)

    def summary(self) -> None:
        """One line of counts, on stderr."""
        would = "would be " if self.check or self.diff else ""
        counts = [(len(self.changed), f"{would}formatted"), (self.unchanged, "unchanged"), (self.failed, "with errors")]
        parts = [f"{count} {what}" for count, what in counts if count]
        click.echo(", ".join(parts) if parts else "no .vns files here", err=True)

    def _formatted(self, given: Source | str, data: bytes) -> str | None:
        """The canonical form, or None after reporting an error."""
        try:
            source = given if isinstance(given, Source) else decode_source(given, data)
            return format_text(source)
        except VnsError as fault:
            self._report(fault)
        except FormatError as fault:
            name = given.name if isinstance(given, Source) else given
            self._fail(f"error: this is a bug in vnasdsl: `{visible(name)}` is left as it is: {fault}", BUG)
        return None

    def _compare(self, name: str, data: bytes, text: str) -> None:
        """Names a file that is not in canonical form, or shows the difference."""
        if data == text.encode("utf-8"):
            self.unchanged += 1
            return
        self.changed.append(name)
        if self.check or self.diff:
            self.status = max(self.status, INPUT)
        if self.diff:
            click.echo("".join(_difference(name, data.decode("utf-8"), text)), nl=False)
        else:
            click.echo(f"{'would format' if self.check else 'formatted'} {visible(name)}")

    def _report(self, fault: VnsError) -> None:
        self._fail(as_text(fault.diagnostics), INPUT)

    def _fail(self, message: str, status: int) -> None:
        click.echo(message, err=True, color=True)
        self.failed += 1
        self.status = max(self.status, status)


def _difference(name: str, before: str, after: str) -> Iterator[str]:
    """A unified diff; a line of `before` keeps its carriage return, which may be all that differs."""
    for line in difflib.unified_diff(_lines(before), _lines(after), visible(name), f"{visible(name)} (formatted)"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    # Not `splitlines`: a comment may hold characters that it takes for line ends.
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [line for line in text.split("\n")[-1:] if line]


def _files(paths: tuple[str, ...]) -> list[str]:
    """The files of some paths, each once, those of a folder sorted by name."""
    found: dict[str, str] = {}
    for path in paths:
        for name in _in_folder(path) if Path(path).is_dir() else (path,):
            found.setdefault(os.path.realpath(name), name)
    return list(found.values())


def _in_folder(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(".vns"):
                yield os.path.normpath(str(Path(place) / name))
