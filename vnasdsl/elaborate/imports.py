"""Following imports: which files a text may read, and what they define."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vnasdsl.elaborate.definition_checks import check_definitions
from vnasdsl.elaborate.definitions import Definitions
from vnasdsl.language import tree
from vnasdsl.language.diagnostics import (
    Diagnostic,
    Fix,
    UserError,
    VnsError,
    did_you_mean,
    error,
    suggest,
    suggest_file,
)
from vnasdsl.language.files import read_source
from vnasdsl.language.limits import MAX_BYTES
from vnasdsl.language.parser import parse_with_errors
from vnasdsl.project import project_root
from vnasdsl.resources import spaces_dir

DEEPEST_IMPORT = 16
LONGEST_PATH = 1000
MOST_FILES = 100
"""Files that one text may import, directly or not."""
ParseFile = Callable[[Path, str], tuple[tree.Module, tuple[Diagnostic, ...]]]


def parse_file(path: Path, name: str) -> tuple[tree.Module, tuple[Diagnostic, ...]]:
    """The tree of a file on disk, shown under a name, and its faults. Raises: VnsError."""
    return parse_with_errors(read_source(path, name))


def collect(
    module: tree.Module,
    path: Path | None,
    into: Definitions,
    found: list[Diagnostic],
    trail: tuple[Path, ...] = (),
    parse_file: ParseFile = parse_file,
) -> None:
    """Add what a module and its imports define, and their faults to `found`. Without a `path` only shipped files can be
    imported."""
    here = path.resolve() if path is not None else None
    for item in module.items:
        try:
            if isinstance(item, tree.Import):
                _import(item, here, into, found, trail, parse_file)
            else:
                into.add(item)
        except VnsError as fault:
            found += fault.diagnostics
            if isinstance(item, tree.Import):
                into.complete = False


def _import(
    item: tree.Import,
    here: Path | None,
    into: Definitions,
    found: list[Diagnostic],
    trail: tuple[Path, ...],
    parse_file: ParseFile,
) -> None:
    """Raises: VnsError E0701 to E0705 and the syntax faults of the imported file."""
    span = item.path.span
    target = import_target(item, here)
    if target == here or target in trail:
        self_import = target == here
        message = "a file cannot import itself" if self_import else f"`{item.path.value}` imports this file again"
        remedy = None if self_import else "move what both need into a file of its own"
        raise error("E0702", message, span, help=remedy)
    if len(trail) >= DEEPEST_IMPORT:
        remedy = "import the files you need directly"
        raise error("E0704", f"imports are nested more than {DEEPEST_IMPORT} deep", span, help=remedy)
    if not _is_file(target):
        message = f"there is no file `{item.path.value}`"
        raise error("E0703", message, span, **_nearest(item, target))
    if target in into.files:
        return
    into.files.add(target)
    if len(into.files) == MOST_FILES + 1:
        help = "put blocks that belong together into one file"
        raise error("E0705", f"more than {MOST_FILES} files are imported", span, help=help)
    if len(into.files) > MOST_FILES or into.imported > MAX_BYTES:
        raise VnsError(())  # said already
    shown = os.path.normpath(Path(item.span.source.name).parent / item.path.value)
    # A text may be known under another name than its path; then what it imports is too.
    known = not item.path.value.startswith(PREFIX)
    known = known and (_is_file(Path(shown)) or not _is_file(Path(item.span.source.name)))
    module, faults = parse_file(target, shown if known else str(target))
    found += faults
    into.imported += len(module.source.text)
    if into.imported > MAX_BYTES:
        help = "import only the files that are needed"
        raise error("E0705", f"the imported files have more than {MAX_BYTES:,} characters", span, help=help)
    collect(module, target, into, found, trail if here is None else (*trail, here), parse_file)
    found += check_definitions(into, module.items)


def _nearest(item: tree.Import, target: Path) -> Any:
    """A fix with the nearest file of the folder, else how paths are read."""
    folder, _, name = item.path.value.rpartition("/")
    own = Path(item.span.source.name).name
    files = sorted(path.name for path in target.parent.glob("*.vns")) if target.parent.is_dir() else []
    near = suggest_file(name, [file for file in files if file != own])
    if near is None:
        return {"help": "the path is taken from the folder of this file"}
    path = f"{folder}/{near}" if folder else near
    return {"fix": Fix(item.path.span, f'"{path}"', f"did you mean `{path}`?")}


def import_target(item: tree.Import, here: Path | None) -> Path:
    """The file an import means, links resolved. Raises: VnsError E0701 when it is none inside the project, E0703 for a
    shipped one that there is not."""
    text, span = item.path.value, item.path.span
    if text.startswith(PREFIX):
        try:
            return shipped_file(text.removeprefix(PREFIX))
        except UserError as fault:
            near = suggest(text.removeprefix(PREFIX), shipped_names())
            meant = Fix(span, f'"{PREFIX}{near}"', f"did you mean `{PREFIX}{near}`?")
            more: Any = {"help": fault.help} if near is None else {"fix": meant}
            raise error("E0703", fault.message, span, **more) from None
    if here is None:
        help = "save it to a file, or define in it what it needs"
        raise error("E0701", "a text that is not in a file cannot import one", span, help=help)
    if not text.endswith(".vns") or any(c in text for c in "\\:") or not text.isprintable():
        raise error("E0701", f"`{text}` is not the path of a .vns file", span, help='write `import "relative.vns"`')
    if len(text) > LONGEST_PATH:
        raise error("E0701", f"the path has more than {LONGEST_PATH} characters", span)
    root, shipped = project_root(here), spaces_dir().resolve()
    if root.is_relative_to(shipped):  # in a wheel they are in no project
        root = shipped
    target = Path(os.path.normpath(here.parent / text))
    resolved = Path(os.path.realpath(target))  # unlike Path.resolve it says nothing about links in a circle
    inside = target.is_relative_to(root) and resolved.is_relative_to(os.path.realpath(root))
    if Path(text).is_absolute() or not inside:
        help = "imports stay below the folder of pyproject.toml or .git"
        raise error("E0701", f"`{text}` is outside the project", span, help=help)
    return resolved


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a part of it is longer than a name can be, or may not be looked at
        return False


# ------------------------ what comes with vnasdsl: `vnasdsl:x3d3`, `vnasdsl:zoo/r3d_18`

PREFIX = "vnasdsl:"


def shipped_names() -> tuple[str, ...]:
    folder = spaces_dir()
    return tuple(sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.vns")))


def shipped_file(name: str) -> Path:
    """The file of a shipped space or network, links resolved. Raises: UserError with the nearest name."""
    known = shipped_names()
    if name not in known:
        near = next((each for each in known if each.endswith(f"/{name}")), None)
        help = f"did you mean `{near}`?" if near else did_you_mean(name, known)
        help = help or f"shipped are {', '.join(known)}"
        raise UserError(f"vnasdsl comes with no space `{name}`", help)
    return (spaces_dir() / f"{name}.vns").resolve()


def split_target(text: str) -> tuple[Path, str | None]:
    """`spaces/x.vns:name` as path and name; a path that exists is never split. `vnasdsl:x3d3` is a shipped file.

    Raises: UserError for a shipped file that there is not.
    """
    if text.startswith(PREFIX) and not Path(text).exists():
        file, _, name = text.removeprefix(PREFIX).removesuffix(".vns").partition(":")
        return shipped_file(file), name or None
    path, colon, name = text.rpartition(":")
    if colon and path and name.isidentifier() and not Path(text).exists():
        return Path(path), name
    return Path(text), None
