"""Files at a git revision, such as `HEAD~1:spaces/x.vns`, with imports from the same revision."""

from __future__ import annotations

import os
import posixpath
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from vnasdsl.elaborate import Overrides, Program, load
from vnasdsl.elaborate.project_layers import catalogue_for
from vnasdsl.language.diagnostics import Label, UserError, VnsError
from vnasdsl.language.files import read_source
from vnasdsl.language.source import Source, Span
from vnasdsl.project import SETTINGS_FILE

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
