"""`vnasdsl diff`: compare the meaning of two networks or spaces, also at git revisions such as `HEAD:spaces/x.vns`."""

from __future__ import annotations

import json
import os
import posixpath
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from vnasdsl.cli.errors import INPUT, reporting
from vnasdsl.cli.options import input_options
from vnasdsl.elaborate import Overrides, Program, Space, load, load_source
from vnasdsl.elaborate.imports import split_target
from vnasdsl.elaborate.project_layers import catalogue_for
from vnasdsl.language.diagnostics import Label, UserError, VnsError
from vnasdsl.language.files import read_source
from vnasdsl.language.source import Source, Span
from vnasdsl.project import SETTINGS_FILE
from vnasdsl.show.diff import FileDiff, compare, compare_programs

INDEX = ""
"""In git's revision syntax, nothing before the colon is the index."""


@dataclass(frozen=True)
class Snapshot:
    """The .vns files and project files of one revision."""

    files: Mapping[str, str]
    """From the path in the repository to the hash of the content."""
    shown: str
    """The revision as the user wrote it."""

    def load(self, path: str, overrides: Overrides | None = None, content: bytes | None = None) -> Program:
        """The program of a file, or of `content` in its place. Layers of the project are those of the work tree: no
        Python of a revision is run.

        Raises: VnsError, with files named by revision; UserError.
        """
        with self._checked_out() as folder:
            if content is not None:
                (folder / path).write_bytes(content)
            top = _git("rev-parse", "--show-toplevel")
            own = catalogue_for(Path(os.fsdecode(top).rstrip("\n")) / path) if top is not None else None
            try:
                program = load(folder / path, overrides, own)
            except VnsError as fault:
                raise self._renamed(fault, folder) from None
        return replace(program, name=f"{self.shown}:{path}")

    @contextmanager
    def _checked_out(self) -> Iterator[Path]:
        """A folder with the files as in the repository, so that imports work and stay inside their project."""
        with TemporaryDirectory(prefix="vnasdsl-") as name:
            folder = Path(name).resolve()
            (folder / ".git").mkdir()
            for path, content in zip(self.files, _contents(self.files.values()), strict=True):
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            yield folder

    def _renamed(self, fault: VnsError, folder: Path) -> VnsError:
        """The error with files named by revision instead of by the folder that they were read from."""
        sources: dict[int, Source] = {}

        def label(old: Label) -> Label:
            source = old.span.source
            if id(source) not in sources:
                path = Path(source.name)
                inside = path.is_absolute() and path.is_relative_to(folder)
                name = f"{self.shown}:{path.relative_to(folder).as_posix()}" if inside else source.name
                sources[id(source)] = Source(name, source.text)
            return replace(old, span=Span(sources[id(source)], old.span.start, old.span.end))

        return VnsError(
            replace(d, primary=label(d.primary) if d.primary else None, secondary=tuple(map(label, d.secondary)))
            for d in fault.diagnostics
        )


def open_revision(target: str) -> tuple[Snapshot, str, str | None]:
    """The revision, file and name of `REVISION:FILE[:NAME]`. As in git, FILE is relative to the root of the repository,
    or with `./` to the current folder. If the root has no such file, the current folder is tried.

    Raises: UserError if git, the repository, the revision or the file does not exist.
    """
    prefix = _git("rev-parse", "--show-prefix")
    if prefix is None:
        raise UserError(f"the file `{target}` does not exist, and the current folder is in no git repository")
    revision, _, file = target.partition(":")
    snapshot = _snapshot(revision)
    head, colon, name = file.rpartition(":")
    named = bool(colon) and name.isidentifier()
    file = head if named else file
    here = posixpath.normpath(posixpath.join(os.fsdecode(prefix).rstrip("\n"), file))
    for path in [here] if file.startswith(("./", "../")) else [posixpath.normpath(file), here]:
        if path in snapshot.files:
            return snapshot, path, name if named else None
    raise UserError(f"revision `{revision}` has no file `{file}`" if revision else f"no file `{file}` is staged")


def load_copy(path: Path, overrides: Overrides | None = None) -> Program:
    """The program of a file. If it is a copy that git made, its imports are read from the history.

    Raises: VnsError, UserError.
    """
    try:
        return load(path, overrides)
    except VnsError as fault:
        lost = any(d.code in ("E0701", "E0703") for d in fault.diagnostics)
        top = _git("rev-parse", "--show-toplevel") if lost else None
        if top is None or path.resolve().is_relative_to(Path(os.fsdecode(top).rstrip("\n")).resolve()):
            raise
        origin = _origin(path)
        if origin is None:
            raise
        snapshot, name = origin
        return snapshot.load(name, overrides, content=read_source(path).text.encode())


def _origin(path: Path) -> tuple[Snapshot, str] | None:
    """The newest revision that has the content of a file outside the work tree: git passes copies of single files,
    without what they import, to the programs that it calls."""
    found = _git("hash-object", "--", str(path.resolve()))
    if found is None:
        return None
    blob = found.decode().strip()
    staged = _snapshot(INDEX)
    name = _likely({name for name, content in staged.files.items() if content == blob}, path)
    if name is not None:
        return staged, name
    log = _git("log", "--all", "-1", "--format=%H", f"--find-object={blob}", "--", "*.vns")
    commit = (log or b"").decode().strip()
    for revision in (commit, f"{commit}^") if commit else ():
        snapshot = _snapshot(revision)
        name = _likely({name for name, content in snapshot.files.items() if content == blob}, path)
        if name is not None:
            return replace(snapshot, shown=revision[:12]), name
    return None


def _likely(names: set[str], copy: Path) -> str | None:
    """Of several files with the same content, the one with the name of the copy."""
    return min(names, key=lambda name: (not copy.name.endswith(posixpath.basename(name)), name), default=None)


def _snapshot(revision: str) -> Snapshot:
    """Raises: UserError for an unknown revision."""
    listing = (
        _git("ls-files", "--stage", "--full-name", "-z", ":/")
        if revision == INDEX
        else _git("ls-tree", "-r", "--full-tree", "-z", "--end-of-options", revision)
    )
    if listing is None:
        raise UserError(f"unknown git revision `{revision}`", "`git log --oneline` lists the revisions")
    files = {}
    for entry in os.fsdecode(listing).split("\0")[:-1]:
        fields, _, path = entry.partition("\t")
        mode, *_, content = fields.split() if revision != INDEX else fields.split()[:2]
        ours = path.endswith(".vns") or posixpath.basename(path) == SETTINGS_FILE
        if ours and mode.startswith("100") and not {"..", ""} & set(path.split("/")):
            files[path] = content
    return Snapshot(files, revision)


def _contents(names: Iterable[str]) -> list[bytes]:
    """The contents with some hashes, read by one process."""
    wanted = list(names)
    data = _git("cat-file", "--batch", input="\n".join(wanted).encode()) or b""
    contents = []
    for _ in wanted:
        head, _, data = data.partition(b"\n")
        size = int(head.split()[2])
        contents.append(data[:size])
        data = data[size + 1 :]
    return contents


def _git(*arguments: str, input: bytes = b"") -> bytes | None:
    """What git prints, or None if it fails. Raises: UserError if git is not installed."""
    try:
        result = subprocess.run(["git", *arguments], capture_output=True, check=False, input=input)
    except FileNotFoundError:
        raise UserError("git is not installed, so no revision can be read") from None
    except ValueError:  # a NUL character
        return None
    return result.stdout if result.returncode == 0 else None


DIFFERENT, UNUSABLE = 1, 2
RUN_FILES = ("network.vns", "space.vns")


@dataclass(frozen=True)
class Target:
    """One side: a program, and the name of one of its spaces or networks (None for the whole file)."""

    title: str
    program: Program
    name: str | None


@click.command("diff")
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
def diff_command(targets: tuple[str, ...], form: str, as_json: bool, textconv: bool, overrides: Overrides) -> None:
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
