"""Texts as a git repository has them: `HEAD~1:spaces/x.vns`, with what they import taken from the same revision."""

from __future__ import annotations

import os
import posixpath
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from vnasdsl.elaborate import Overrides, Program, load
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import Label, UserError, VnsError
from vnasdsl.language.files import decode_source, read_source
from vnasdsl.language.limits import MAX_BYTES
from vnasdsl.language.parser import parse
from vnasdsl.language.source import Source, Span
from vnasdsl.project import SETTINGS_FILE

MOST_FILES = 1_000
"""Files that one text may import, directly or not."""
INDEX = ""
"""Where git's revision syntax has nothing before the colon: what is staged."""


@dataclass(frozen=True)
class Snapshot:
    """The files of one revision. `shown` is what the user calls it."""

    tree: str
    shown: str

    def read(self, path: str) -> bytes | None:
        """A file by its path from the root of the repository; None when it is not there. Raises: UserError."""
        name = f"{self.tree}:{path}"
        size = _git("cat-file", "-s", name)
        if size is None or _git("cat-file", "-t", name) != b"blob\n":
            return None
        if int(size) > MAX_BYTES:
            raise UserError(f"`{self.shown}:{path}` has more than {MAX_BYTES:,} bytes")
        return _git("cat-file", "blob", name)

    def load(self, path: str, overrides: Overrides | None = None, content: bytes | None = None) -> Program:
        """The program of a file of this revision, or of a text that would stand there.

        Raises: VnsError with the places named by revision; UserError.
        """
        with self._exported(path, content) as folder:
            try:
                program = load(folder / path, overrides)
            except VnsError as fault:
                raise self._renamed(fault, folder) from None
        return replace(program, name=f"{self.shown}:{path}")

    @contextmanager
    def _exported(self, path: str, content: bytes | None) -> Iterator[Path]:
        """A folder with the file and everything it imports, laid out as in the repository."""
        with TemporaryDirectory(prefix="vnasdsl-") as name:
            folder = Path(name).resolve()
            (folder / ".git").mkdir()
            todo, seen = [path], {path}
            while todo:
                current = todo.pop()
                data = content if current == path and content is not None else self.read(current)
                if data is None:
                    continue
                target = folder / current
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                for imported in _imports(current, data):
                    if imported not in seen and len(seen) < MOST_FILES:
                        seen.add(imported)
                        todo.append(imported)
            self._mark_projects(path, folder)
            yield folder

    def _mark_projects(self, path: str, folder: Path) -> None:
        """Imports stay inside a project: its root in the revision is its root here."""
        parent = posixpath.dirname(path)
        while parent:
            settings = f"{parent}/{SETTINGS_FILE}"
            if _git("cat-file", "-e", f"{self.tree}:{settings}") is not None:
                (folder / settings).touch()
            parent = posixpath.dirname(parent)

    def _renamed(self, fault: VnsError, folder: Path) -> VnsError:
        """The fault with its places in the revision, not in the folder that the files were read from."""
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


@dataclass(frozen=True)
class Repository:
    """The repository that the current folder is in."""

    top: Path | None
    prefix: str

    @cached_property
    def staged(self) -> Snapshot:
        return Snapshot(INDEX, INDEX)

    def snapshot(self, revision: str) -> Snapshot:
        """Raises: UserError for a revision that git does not know."""
        if revision == INDEX:
            return self.staged
        found = None if revision.startswith("-") else _git("rev-parse", "--verify", "--quiet", f"{revision}^{{tree}}")
        if found is None:
            raise UserError(f"git knows no revision `{revision}`", "`git log --oneline` shows them")
        return Snapshot(found.decode().strip(), revision)

    def path_of(self, snapshot: Snapshot, file: str) -> str:
        """A file of a revision, from the root of the repository (or with `./` from the current folder) as git has it;
        a file that is not at the root is looked for in the current folder too.

        Raises: UserError when it is not there.
        """
        here = posixpath.normpath(posixpath.join(self.prefix, file))
        candidates = [here] if file.startswith(("./", "../")) else [posixpath.normpath(file), here]
        for path in candidates:
            if not path.startswith(("../", "/")) and snapshot.read(path) is not None:
                return path
        raise UserError(
            f"revision `{snapshot.shown}` has no file `{file}`" if snapshot.shown else f"no file `{file}` is staged"
        )

    def origin(self, path: Path) -> tuple[Snapshot, str] | None:
        """Where the content of a file outside of the work tree stands in the history, newest first: git gives the
        programs it calls copies of single files, without what they import."""
        found = _git("hash-object", "--", str(path.resolve()))
        if found is None:
            return None
        blob = found.decode().strip()
        names = {
            entry.partition("\t")[2] for entry in _lines("ls-files", "--stage", "--full-name", ":/") if blob in entry
        }
        staged = _likely(names, path)
        if staged is not None:
            return self.staged, staged
        log = _lines(
            "log", "--all", "-1", "--format=%H", "--raw", "--no-abbrev", "--no-renames", f"--find-object={blob}"
        )
        changes = [line.partition("\t") for line in log if line.startswith(":")]
        for side, revision in ((3, f"{log[0]}^{{tree}}"), (2, f"{log[0]}^^{{tree}}")) if changes else ():
            name = _likely({file for fields, _, file in changes if fields.split()[side] == blob}, path)
            tree_name = _git("rev-parse", "--verify", "--quiet", revision) if name is not None else None
            if name is not None and tree_name is not None:
                return Snapshot(tree_name.decode().strip(), log[0][:12]), name
        return None


def open_repository(target: str) -> Repository:
    """Raises: UserError when git is missing or the current folder is in no repository."""
    found = _git("rev-parse", "--show-prefix")
    if found is None:
        raise UserError(
            f"there is no file `{target}`, and the current folder is in no git repository to look for a revision in"
        )
    top = _git("rev-parse", "--show-toplevel")
    return Repository(Path(os.fsdecode(top).rstrip("\n")).resolve() if top else None, os.fsdecode(found).rstrip("\n"))


def load_copy(path: Path, overrides: Overrides | None = None) -> Program:
    """The program of a file. When it is a copy that git made, what it imports is taken from the history.

    Raises: VnsError, UserError.
    """
    try:
        return load(path, overrides)
    except VnsError as fault:
        if not any(d.code in ("E0701", "E0703") for d in fault.diagnostics) or _git("rev-parse", "--git-dir") is None:
            raise
        repository = open_repository(str(path))
        if repository.top is None or path.resolve().is_relative_to(repository.top):
            raise
        place = repository.origin(path)
        if place is None:
            raise
        snapshot, name = place
        return snapshot.load(name, overrides, content=read_source(path).text.encode())


def _likely(names: set[str], copy: Path) -> str | None:
    """Of several files with one content that with the name of the copy."""
    fitting = sorted(name for name in names if name.endswith(".vns"))
    return next((name for name in fitting if copy.name.endswith(posixpath.basename(name))), next(iter(fitting), None))


def _lines(*arguments: str) -> list[str]:
    found = _git("-c", "core.quotePath=false", *arguments)
    return os.fsdecode(found).split("\n") if found else []


def _git(*arguments: str) -> bytes | None:
    """What git prints, or None when it fails. Raises: UserError when there is no git."""
    try:
        result = subprocess.run(["git", *arguments], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise UserError("git is not installed, so no revision can be read") from None
    except ValueError:  # a NUL character
        return None
    return result.stdout if result.returncode == 0 else None


def _imports(path: str, data: bytes) -> Iterator[str]:
    """The files that a text imports, by their paths from the root; none when it cannot be read."""
    try:
        module = parse(decode_source(path, data))
    except VnsError:
        return
    for item in module.items:
        if isinstance(item, tree.Import):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), item.path.value))
            inside = not target.startswith(("../", "/")) and target not in ("..", ".")
            if inside and "\\" not in target and target.isprintable() and target.endswith(".vns"):
                yield target
