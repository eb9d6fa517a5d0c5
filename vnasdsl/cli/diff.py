"""`vnasdsl diff`: compare the meaning of two networks or spaces."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from vnasdsl.cli.errors import INPUT, reporting
from vnasdsl.cli.options import input_options
from vnasdsl.cli.revisions import load_copy, open_revision
from vnasdsl.elaborate import Overrides, Program, Space, load, load_source
from vnasdsl.elaborate.imports import split_target
from vnasdsl.language.diagnostics import UserError, VnsError
from vnasdsl.language.source import Source
from vnasdsl.show.diff import FileDiff, compare, compare_programs

DIFFERENT, UNUSABLE = 1, 2
RUN_FILES = ("network.vns", "space.vns")


@dataclass(frozen=True)
class Target:
    """One side: a program, and the name of one of its spaces or networks (None for the whole file)."""

    title: str
    program: Program
    name: str | None


@click.command()
@click.argument("targets", nargs=-1, metavar="A B")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Text for the terminal, JSON for programs, Markdown for pull requests.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--textconv", is_flag=True, help="Print the meaning of one FILE, for `git diff` (see docs/git.md).")
@input_options
def command(targets: tuple[str, ...], form: str, as_json: bool, textconv: bool, overrides: Overrides) -> None:
    """Compare two networks, two spaces, or a space and a network: what was added, removed, changed or chosen, and the
    effect on shapes, MACs, parameters and the number of networks.

    A and B are each FILE, FILE:NAME, a run folder (its network.vns, or its space.vns if there is none), REVISION:FILE
    or REVISION:FILE:NAME of git (imports come from the same revision). Two files with several definitions are compared
    name by name. Only the meaning is compared: layout, comments, the order of definitions and recipes are ignored, and
    two networks with the same layers are equal, however they are written.

    The exit status is 0 if both mean the same, 1 if they differ, and 2 if they cannot be compared: wrong usage, or an
    unreadable file, revision or run.

    \b
    Examples:
      vnasdsl diff spaces/x3d3.vns spaces/x3d3_k400.vns
      vnasdsl diff HEAD~1:spaces/tiny.vns spaces/tiny.vns
      vnasdsl diff runs/first runs/second --format markdown
    """
    wanted = 1 if textconv else 2
    if len(targets) != wanted:
        usage = "--textconv takes one FILE" if textconv else "give two of FILE, FILE:NAME, a run folder, REVISION:FILE"
        raise click.UsageError(usage)
    with _exiting():
        if textconv:
            click.echo(meaning(Path(targets[0]), overrides), nl=False)
            return
        diff = compare_targets(*(open_target(text, overrides) for text in targets))
        click.echo(rendered(diff, "json" if as_json else form))
    if not diff.equal:
        raise SystemExit(DIFFERENT)


@contextmanager
def _exiting() -> Iterator[None]:
    """Errors in the input exit with 2, because 1 means a difference."""
    try:
        with reporting():
            yield
    except SystemExit as status:
        if status.code == INPUT:
            raise SystemExit(UNUSABLE) from None
        raise


def open_target(text: str, overrides: Overrides) -> Target:
    """Raises: VnsError, UserError."""
    path, name = split_target(text)
    if path.is_dir():
        return _run(path, name, overrides)
    if text == os.devnull:  # what git passes for a file that does not exist
        return Target(text, load_source(Source(text, ""), None, overrides), None)
    if not path.exists() and ":" in text and (name is None or ":" in str(path)):
        return _revision(text, overrides)
    return Target(text, replace(load_copy(path, overrides), name=str(path)), name)


def _run(folder: Path, name: str | None, overrides: Overrides) -> Target:
    for file in RUN_FILES:
        if (folder / file).is_file():
            program = load(folder / file, overrides)
            return Target(str(folder / file), program, program.get(name).name)
    message = f"`{folder}` is not a run folder: it has neither network.vns nor space.vns"
    raise UserError(message, "give the folder that was passed to --out, or a .vns file")


def _revision(text: str, overrides: Overrides) -> Target:
    snapshot, path, name = open_revision(text)
    return Target(text, snapshot.load(path, overrides), name)


def compare_targets(before: Target, after: Target) -> FileDiff:
    """Raises: UserError for an unknown name, or if a file with several definitions is given without one."""
    if before.name is None and after.name is None:
        return replace(compare_programs(before.program, after.program), before=before.title, after=after.title)
    pair = compare(_named(before, after.name), _named(after, before.name))
    return FileDiff(before.title, after.title, compared=(pair,))


def _named(target: Target, other: str | None) -> Space:
    """The space that a target names; without a name the one that the other side names, else the only one."""
    if target.name is None and other in target.program.spaces:
        return target.program.get(other)
    return target.program.get(target.name)


def rendered(diff: FileDiff, form: str) -> str:
    if form == "json":
        return json.dumps(diff.as_object(), indent=2, allow_nan=False)
    if form == "markdown":
        from vnasdsl.show.diff.text import as_markdown

        return as_markdown(diff)
    from vnasdsl.show.diff.text import as_text

    return as_text(diff, color=sys.stdout.isatty() and "NO_COLOR" not in os.environ)


def meaning(path: Path, overrides: Overrides) -> str:
    """The meaning of a file, for git. A file with errors is printed as it is, because git stops if nothing is printed.

    Raises: VnsError if the file cannot be opened.
    """
    from vnasdsl.language.files import read_source
    from vnasdsl.language.parser import parse
    from vnasdsl.language.visible import visible
    from vnasdsl.show.diff.text import canonical, canonical_syntax

    source = read_source(path)
    try:
        return canonical(load_copy(path, overrides))
    except VnsError as fault:
        why = visible(fault.diagnostics[0].message)
    except UserError as fault:
        why = visible(fault.message)
    try:
        return canonical_syntax(parse(source), why)
    except VnsError:
        return f"# this file cannot be read: {why}\n\n{source.text}"
